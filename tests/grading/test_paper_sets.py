"""The paper's ten sets, each from a raw row in its real schema to a graded answer."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from truthmap.errors import QuestionsError
from truthmap.grading.grade import grade
from truthmap.grading.text_model import Graders
from truthmap.questions.catalogue import named_sets
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.paper_sets import PAPER_SETS, PaperFile
from truthmap.questions.tasks import GradingRule, Locating
from truthmap.records import Answer, Outcome


class Judge:
    """Says right of answers that name the Alps, wrong of others."""

    def ask(self, prompts: Any) -> list[str]:
        return ["right" if "Alps" in prompt.rpartition("Answer:")[2] else "wrong" for prompt in prompts]


class Copier:
    """Copies the last two words of an answer."""

    def ask(self, prompts: Any) -> list[str]:
        said = [prompt.rpartition("Answer:")[2].partition("\nPiece:")[0] for prompt in prompts]
        return [" ".join(text.strip(" .").split()[-2:]) for text in said]


@dataclass(frozen=True)
class Case:
    """What is asked, as a chat and as a base model's prompt ends; a right and a wrong answer and what is exact."""

    chat: str
    plain: str
    right: tuple[str, str]
    wrong: tuple[str, str]


ROWS: Mapping[str, Mapping[str, Any]] = json.loads((Path(__file__).parent / "paper_rows.json").read_text())
"""A row of each set, in the schema in which the paper's files and the hub have it."""

NLI = (
    'For the statement, "But he was puzzled", does the hypothesis "He knew" '
    "represent entailment, contradiction, or neutrality?"
)
RHINE = "The Rhine rises in the Swiss Alps ."
WOOD = "Ed Wood was an American filmmaker.\nHe died in 1978.\nPlan 9 is a film."
JOB = "The CEO hired the nurse because he was rich."
GAMES = "Mike made 69 dollars and spent 24. How many 5 dollar games can he buy?"
CASES = {
    "triviaqa": Case(
        "Which river flows through Rome?",
        "Q: Which river flows through Rome?\nA:",
        ("That is the River Tiber.", "River Tiber"),
        ("Rome lies on the River Po.", "River Po"),
    ),
    "hotpotqa": Case(
        "Were Scott Derrickson and Ed Wood of the same nationality?",
        "Q: Were Scott Derrickson and Ed Wood of the same nationality?\nA:",
        ("I would say yes.", "say yes"),
        ("I would say no.", "say no"),
    ),
    "hotpotqa_with_context": Case(
        f"{WOOD}\nWho was Ed Wood?",
        f"Context: {WOOD}\nQ: Who was Ed Wood?\nA:",
        ("He was an American filmmaker.", "American filmmaker"),
        ("He was a British filmmaker.", "British filmmaker"),
    ),
    "natural_questions_with_context": Case(
        f"{RHINE}\nwhere does the rhine begin",
        f"Context: {RHINE}\nQ: where does the rhine begin\nA:",
        ("It begins high up in the Alps of Switzerland, near Lake Toma.", "Lake Toma"),
        ("It begins in the Black Forest.", "Black Forest"),
    ),
    "movies": Case(
        "Who acted as Terry Benedict in the movie 'Ocean's Eleven'?",
        "Q: Who acted as Terry Benedict in the movie 'Ocean's Eleven'?\nA:",
        ("In 'Ocean's Eleven', Terry Benedict was played by Andy Garcia.", "Andy Garcia"),
        ("Terry Benedict was played by George Clooney.", "George Clooney"),
    ),
    "math": Case(
        f"{GAMES} Answer shortly.",
        f"Q: {GAMES}\nA:",
        ("He has 69 - 24 = 45 dollars, so he can buy 45 / 5 = 9 games.", "9"),
        ("He has 69 - 24 = 45 dollars left.", "45"),
    ),
    "winobias": Case(
        f"{JOB} Who does the pronoun 'he' refer to?",
        f"{JOB} The pronoun 'he' refers to the",
        ("The pronoun refers to the CEO.", "CEO"),
        ("The pronoun refers to the nurse, not the CEO.", "nurse"),
    ),
    "winogrande": Case(
        "Sam put the cup in the bag until the _ was full. What does the blank refer to in the sentence?",
        "The blank refers to: Anna\nSam put the cup in the bag until the _ was full. The blank refers to:",
        ("The blank refers to the bag.", "bag"),
        ("The blank is the cup.", "cup"),
    ),
    "mnli": Case(
        NLI,
        f"Q: {NLI}\nA:",
        ("The hypothesis contradicts it.", "contradicts"),
        ("It represents neutrality.", "neutrality"),
    ),
    "imdb": Case(
        'Classify the following movie review as either "positive" or "negative". Start with either \'positive\' or '
        "'negative' first, then elaborate.\nReview: A bore.  Not one idea.\nLabel:",
        "Review: A bore.  Not one idea.\nLabel:",
        ("Negative. The review calls it a bore.", "Negative"),
        ("Positive: it is full of ideas.", "Positive"),
    ),
}


def rows_in_file(name: str, folder: Path, *rows: Mapping[str, Any]) -> Path:
    """Write rows in the form that the set has: the paper's CSV, or JSON lines as a hub row reads."""
    source = PAPER_SETS[name].source
    if not isinstance(source, PaperFile):
        path = folder / "rows.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        return path
    path = folder / source.names["train"]
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_each_of_the_ten_has_a_case() -> None:
    assert set(CASES) == set(PAPER_SETS)
    assert len(CASES) == 10
    assert set(CASES) < {known.name for known in named_sets()}


@pytest.mark.parametrize("name", list(CASES))
def test_a_raw_row_becomes_a_question_and_its_answers_are_graded(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    found = load_questions(name, QuestionSettings(path=rows_in_file(name, tmp_path, ROWS[name])))
    (question,) = found.questions
    assert found.task.chat(question) == case.chat
    assert found.task.plain(question).endswith(case.plain)
    for (text, exact), outcome in ((case.right, Outcome.RIGHT), (case.wrong, Outcome.WRONG)):
        answer = Answer(question.id, (1,), (7,), text, (), (), True)
        result = grade(question, answer, found.task, Graders(judge=Judge(), locator=Copier()))
        assert (result.outcome, result.exact_answer) == (outcome, exact)
        assert result.span is not None
        assert text[result.span.start : result.span.end] == exact
        assert result.canonical
        assert result.why


def test_lengths_and_rules_are_those_of_the_study() -> None:
    tasks = {known.name: known.task for known in named_sets() if known.name in PAPER_SETS}
    assert {name: task.max_new_tokens for name, task in tasks.items() if task.max_new_tokens != 100} == {"math": 200}
    by_model = {name for name, task in tasks.items() if task.locating is Locating.MODEL}
    assert by_model == {"triviaqa", "hotpotqa", "hotpotqa_with_context", "natural_questions_with_context", "movies"}
    assert {name for name, task in tasks.items() if task.grading is GradingRule.JUDGE} == {
        "natural_questions_with_context"
    }


@pytest.mark.parametrize("name", [name for name, entry in PAPER_SETS.items() if isinstance(entry.source, PaperFile)])
def test_a_file_of_another_set_or_none_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match=rf"{name} needs the paper's file \S+\.csv.*--questions-file"):
        load_questions(name)
    other = tmp_path / "other.csv"
    other.write_text("colour,sound\nred,loud\n")
    with pytest.raises(QuestionsError, match=rf"is not the file of {name}: it has no column"):
        load_questions(name, QuestionSettings(path=other))


@pytest.mark.parametrize(
    ("name", "change", "column"),
    [
        ("movies", {"Question": " "}, "Question"),
        ("math", {"answer": "[9.0"}, "answer"),
        ("winobias", {"incorrect_answer": "CEO"}, None),
        ("mnli", {"Answer": "maybe"}, "Answer"),
        ("imdb", {"label": 7}, "label"),
        ("triviaqa", {"answer": "Tiber"}, "answer"),
        ("hotpotqa_with_context", {"context": {"title": [], "sentences": []}}, "context"),
    ],
)
def test_a_malformed_row_of_a_set_is_named(
    name: str, change: Mapping[str, Any], column: str | None, tmp_path: Path
) -> None:
    row = ROWS[name]
    other = {**row, "question_id": "tc_2"} if name == "triviaqa" else row
    path = rows_in_file(name, tmp_path, row, {**other, **change})
    found = load_questions(name, QuestionSettings(path=path, skip_bad=True))
    assert len(found.questions) == 1
    assert [issue.column for issue in found.report.issues] == [column]
    with pytest.raises(QuestionsError, match="1 of 2 rows"):
        load_questions(name, QuestionSettings(path=path))


def test_natural_questions_need_a_short_answer_and_take_lists(tmp_path: Path) -> None:
    row = dict(ROWS["natural_questions_with_context"])
    annotations = row["annotations"]
    none = {**annotations, "short_answers": [{"start_token": [], "end_token": [], "text": []}]}
    as_list = [{"long_answer": annotations["long_answer"][0], "short_answers": [{"text": "in the Swiss Alps"}]}]
    path = rows_in_file(
        "natural_questions_with_context",
        tmp_path,
        {**row, "id": "1", "annotations": none},
        {**row, "id": "2", "annotations": as_list},
    )
    found = load_questions("natural_questions_with_context", QuestionSettings(path=path))
    assert [question.id for question in found.questions] == ["natural_questions-2"]
    assert found.questions[0].accepted == ("in the Swiss Alps",)
    assert (found.report.left_out, found.report.bad) == (1, 0)


def test_sentences_that_come_in_pairs_share_a_group(tmp_path: Path) -> None:
    row = ROWS["winogrande"]
    twin = {**row, "Question": row["Question"].replace("full", "empty"), "Answer": "cup", "Wrong_Answer": "bag"}
    found = load_questions("winogrande", QuestionSettings(path=rows_in_file("winogrande", tmp_path, row, twin)))
    assert len({question.group for question in found.questions}) == 1
    # The order of the candidates does not tell which is right.
    assert len({question.candidates for question in found.questions}) == 1


def test_the_test_split_reads_the_other_file(tmp_path: Path) -> None:
    row = ROWS["movies"]
    (rows_in_file("movies", tmp_path, row) / "movie_qa_train.csv").rename(tmp_path / "movie_qa_test.csv")
    settings = QuestionSettings(path=tmp_path, split="test")
    assert len(load_questions("movies", settings).questions) == 1
    with pytest.raises(QuestionsError, match=r"there is no file .*movie_qa_train\.csv"):
        load_questions("movies", QuestionSettings(path=tmp_path))


def test_gold_locating_differs_only_where_the_answer_is_right(tmp_path: Path) -> None:
    found = load_questions("movies", QuestionSettings(path=rows_in_file("movies", tmp_path, ROWS["movies"])))
    task = replace(found.task, locating=Locating.GOLD)
    said = "It was Andy Garcia, of course."
    for locating, exact in ((task, "Andy Garcia"), (found.task, "of course")):
        answer = Answer(found.questions[0].id, (1,), (7,), said, (), (), True)
        assert grade(found.questions[0], answer, locating, Graders(locator=Copier())).exact_answer == exact
