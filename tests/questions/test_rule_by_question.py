"""Which rule grades a question is told by the question itself; options go by letters; a rewrite is plain text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truthmap.errors import QuestionsError
from truthmap.grading.grade import grade
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.paper_sets import PAPER_SETS
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.rule_choice import is_number, rule_for
from truthmap.questions.tasks import GradingRule, Locating, Rewrite, Task
from truthmap.records import Answer, Outcome, Question


def own(tmp_path: Path, *rows: dict[str, Any], limit: int | None = None) -> QuestionSet:
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return load_questions(str(path), QuestionSettings(limit=limit))


@pytest.mark.parametrize(
    ("question", "rule"),
    [
        (Question("q", "Does ice float?", ("yes",)), "choice"),
        (Question("q", "Schwimmt Eis?", ("ja",)), "choice"),
        (Question("q", "What is the symbol for nobelium?", ("No",)), "alias"),
        (Question("q", "How many legs has an ant?", ("6", "six")), "number"),
        (Question("q", "How cold is it?", ("-40 °C",)), "number"),
        (Question("q", "When was it signed?", ("4 July 1776",)), "alias"),
        (Question("q", "Which film is it?", ("Seven Samurai",)), "alias"),
        (Question("q", "Which?", ("x",), (("x",), ("y",))), "choice"),
        (Question("q", "Which?", ("c0",), tuple((f"c{n}",) for n in range(30))), "candidates"),
        (Question("q", "Which?", ("x",), outcome=Outcome.RIGHT), "ready"),
    ],
)
def test_what_came_with_a_question_chooses_its_rule(question: Question, rule: str) -> None:
    assert rule_for(question) == rule


def test_one_odd_row_changes_no_other_row(tmp_path: Path) -> None:
    rows = [{"question": f"What is {n} plus {n}?", "answer": 2 * n} for n in range(3, 9)]
    odd = {"question": "What is the capital of Peru?", "answer": "Lima"}
    pure, mixed = own(tmp_path, *rows), own(tmp_path, *rows, odd)
    assert (pure.task.grading, pure.task.locating) == (GradingRule.NUMBER, Locating.RULE)
    assert mixed.task.grading is GradingRule.AUTO
    assert mixed.report.rules == {"number": 6, "alias": 1}
    assert own(tmp_path, *rows, odd, limit=1).task == mixed.task
    for question in mixed.questions[:6]:
        said = Answer(question.id, (1,), (7,), f"It is {question.accepted[0]}.", (), (), True)
        found = grade(question, said, mixed.task)
        assert (found.outcome, found.rule, found.exact_answer) == (Outcome.RIGHT, "number", question.accepted[0])


def test_a_mixed_file_locates_each_answer(tmp_path: Path) -> None:
    rows = [{"question": "What is the capital of Peru?", "answer": "Lima"}, {"question": "Is it hot?", "answer": False}]
    mixed = own(tmp_path, *rows)
    said = ["The capital of Peru is Lima.", "No, it is cold."]
    found = [
        grade(question, Answer(question.id, (1,), (7,), text, (), (), True), mixed.task)
        for question, text in zip(mixed.questions, said, strict=True)
    ]
    assert [(each.outcome, each.exact_answer) for each in found] == [(Outcome.RIGHT, "Lima"), (Outcome.RIGHT, "No")]


CHOICES = ["Nile", "Amazon", "Rhine", "Volga"]


@pytest.mark.parametrize("answer", [2, "C", "c", "(C)", "Rhine", "2"])
def test_an_option_goes_by_index_letter_or_text(tmp_path: Path, answer: object) -> None:
    found = own(tmp_path, {"question": "Which flows through Basel?", "choices": CHOICES, "answer": answer})
    (question,) = found.questions
    assert question.accepted == ("Rhine",)
    assert found.task.chat(question) == "Which flows through Basel?\nA. Nile\nB. Amazon\nC. Rhine\nD. Volga"


def test_a_number_among_numbers_is_the_option_itself(tmp_path: Path) -> None:
    row = {"question": "What is 1 plus 2?", "choices": [1, 2, 3, 4], "answer": 3}
    assert own(tmp_path, row).questions[0].accepted == ("3",)
    assert own(tmp_path, {**row, "choices": ["1", "2", "3", "one"]}).questions[0].accepted == ("one",)


def test_an_option_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match=r"write it as there, or its letter, or its index from 0"):
        own(tmp_path, {"question": "Which?", "choices": CHOICES, "answer": 4})


@pytest.mark.parametrize(
    ("text", "exact", "right"),
    [
        ("C", "C", True),
        ("C. Rhine", "C", True),
        ("The answer is (c).", "c", True),
        ("It is the Rhine.", "Rhine", True),
        ("A is wrong and so is B; the answer is C.", "C", True),
        ("A river in Basel is the Rhine.", "Rhine", True),
        ("D", "D", False),
    ],
)
def test_an_answer_may_give_letter_or_text(tmp_path: Path, text: str, exact: str, right: bool) -> None:
    found = own(tmp_path, {"question": "Which flows through Basel?", "choices": CHOICES, "answer": 2})
    question = found.questions[0]
    graded = grade(question, Answer(question.id, (1,), (7,), text, (), (), True), found.task)
    assert (graded.outcome is Outcome.RIGHT, graded.exact_answer) == (right, exact)
    assert graded.canonical == ("rhine" if right else "volga")


def test_options_that_the_question_names_are_not_shown_again() -> None:
    task = Task(GradingRule.CHOICE, chat_prompt="{text}{options}")
    question = Question("q", "Which is larger, Lima or Quito?", ("Lima",), (("Lima",), ("Quito",)))
    assert task.chat(question) == question.text
    assert not task.shows_options(question)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *((text, True) for text in ("1,500", "90 minutes", "$3.50", "3/4", "twenty-one", "-3", "50%", "299,792 km/s")),
        *((text, False) for text in ("3D", "4 July", "Apollo 11", "2nd", "one of them")),
    ],
)
def test_numbers_are_told_from_texts_with_digits(text: str, number: bool) -> None:
    assert is_number(text) is number


def test_a_rewrite_is_plain_text_and_keeps_what_it_does_not_know() -> None:
    rewrite = Rewrite(("Who is '{word}'?", "Who?"), "'{word}' is")
    assert rewrite.apply("Ann met Bob. Who is 'she'? ") == "Ann met Bob. 'she' is"
    assert rewrite.apply("Ann met Bob. Who is 'she or he'?") == "Ann met Bob. Who is 'she or he'?"
    hostile = Rewrite(("(a+)+$",), "")
    assert hostile.apply("a" * 100_000 + "!") == "a" * 100_000 + "!"
    pronoun = PAPER_SETS["winobias"].task.plain_rewrite
    assert pronoun is not None
    assert pronoun.apply("Who does the pronoun 'he' refer to?") == "The pronoun 'he' refers to the"
