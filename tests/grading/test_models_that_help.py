"""Judges and models that locate: what counts of their replies, and how often they are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from truthmap.errors import UsageError
from truthmap.grading.grade import grade, grade_many
from truthmap.grading.judge import read_reply
from truthmap.grading.locator import PROMPTS, extract, locate_piece, read_piece
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Outcome, Question, Span

OPEN = Task(GradingRule.ALIAS, Locating.MODEL)
JUDGED = Task(GradingRule.JUDGE, Locating.NAME)


@dataclass
class Scripted:
    """Gives the replies of a script, one list for each time it is asked, and notes the prompts."""

    script: Sequence[Sequence[str]]
    asked: list[list[str]] = field(default_factory=list)

    def ask(self, prompts: Sequence[str]) -> list[str]:
        self.asked.append(list(prompts))
        return list(self.script[len(self.asked) - 1])


def pair(text: str, question: str = "Who wrote it?", accepted: str = "Ann Lee") -> tuple[Question, Answer]:
    return Question("q", question, (accepted,)), Answer("q", (1,), (7,), text, (), (), True)


@pytest.mark.parametrize(
    ("reply", "piece"),
    [
        ("Ann Lee", "Ann Lee"),
        ('Exact answer: "Ann Lee."\nbecause', "Ann Lee"),
        ("**Ann Lee**", "Ann Lee"),
        ("\n\nPiece: Ann Lee", "Ann Lee"),
        ("none.", "NONE"),
        ("NO ANSWER", "NONE"),
        ("", ""),
    ],
)
def test_a_copied_piece_is_read_without_its_trimmings(reply: str, piece: str) -> None:
    assert read_piece(reply) == piece


def test_a_copy_counts_only_in_few_whole_words() -> None:
    text = "It was written by ÁNN  Lee in 1999."
    assert locate_piece("ann lee", text, "") == Span(18, 26)
    assert locate_piece("Ann Le", text, "") is None
    assert locate_piece("Bob Ray", text, "") is None
    assert locate_piece("one " * 13, "one " * 20, "") is None


def test_the_first_place_counts_that_does_not_repeat_the_question() -> None:
    asked = "In which country is the city of Singapore?"
    assert locate_piece("Singapore", "The city of Singapore is in Singapore.", asked) == Span(28, 37)
    assert locate_piece("Singapore", "Lima, Singapore, Singapore.", asked) == Span(6, 15)


def test_a_reply_that_is_no_copy_is_asked_again_three_times_at_most() -> None:
    pairs = [pair("Ann Lee wrote it."), pair("Bob Ray wrote it."), pair("Nobody knows."), pair("Cy Orr wrote it.")]
    locator = Scripted([["Ann Lee", "Bobby", "NONE", "x"], ["Bob Ray", "y"], ["z"]])
    assert extract(pairs, locator) == [Span(0, 7), Span(0, 7), None, None]
    assert [len(prompts) for prompts in locator.asked] == [4, 2, 1]
    assert len(PROMPTS) == 3
    assert len({prompts[-1] for prompts in locator.asked}) == 3


def test_right_and_wrong_answers_go_to_the_locator_alike() -> None:
    pairs = [pair("It was Ann Lee."), pair("It was Bob Ray."), pair("I don't know."), pair(" ")]
    locator = Scripted([["Ann Lee", "Bob Ray"]])
    grades = grade_many(pairs, OPEN, Graders(locator=locator))
    assert [g.exact_answer for g in grades] == ["Ann Lee", "Bob Ray", "", ""]
    assert [g.outcome for g in grades] == [Outcome.RIGHT, Outcome.WRONG, Outcome.WRONG, Outcome.UNSCORED]
    # Nothing in a prompt says whether the answer is right, or what would be.
    right, wrong = locator.asked[0]
    assert right.replace("Ann Lee", "Bob Ray") == wrong


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("right", Outcome.RIGHT),
        ("Wrong.", Outcome.WRONG),
        ("Verdict: RIGHT", Outcome.RIGHT),
        ("The answer is not correct.", Outcome.WRONG),
        ("It isn't right", Outcome.WRONG),
        ("incorrect", Outcome.WRONG),
        ("1", Outcome.RIGHT),
        ("right or wrong?\nright", Outcome.RIGHT),
        ("right or wrong", None),
        ("I cannot tell", None),
        ("", None),
    ],
)
def test_a_judges_reply_is_read_or_it_is_unreadable(reply: str, outcome: Outcome | None) -> None:
    assert read_reply(reply) is outcome


def test_an_unreadable_judge_makes_an_answer_unscored_never_wrong() -> None:
    judge = Scripted([["hm", "right", "wrong"], ["perhaps"]])
    pairs = [pair("Bob Ray."), pair("Miss Lee."), pair("Cy Orr.")]
    grades = grade_many(pairs, JUDGED, Graders(judge=judge))
    assert [g.outcome for g in grades] == [Outcome.UNSCORED, Outcome.RIGHT, Outcome.WRONG]
    assert grades[0].why == "the judge's reply is unreadable"
    assert grades[1].why == "the judge says 'right'"
    assert [g.rule for g in grades] == ["judge"] * 3
    assert [len(prompts) for prompts in judge.asked] == [3, 1]


def test_the_judge_is_not_asked_about_what_words_decide() -> None:
    judge = Scripted([["wrong"]])
    grades = grade_many([pair("Ann Lee."), pair("I don't know."), pair("A.")], JUDGED, Graders(judge=judge))
    assert [(g.outcome, g.rule) for g in grades] == [
        (Outcome.RIGHT, "alias"),
        (Outcome.WRONG, "alias"),
        (Outcome.WRONG, "judge"),
    ]
    assert grades[1].refusal
    assert len(judge.asked[0]) == 1
    assert "Accepted: Ann Lee" in judge.asked[0][0]


def test_ready_outcomes_and_exact_answers_are_taken_as_they_came() -> None:
    question = Question("q", "Who?", answer="By Ann  Lee, I think", outcome=Outcome.RIGHT, exact_answer="ann lee")
    answer = Answer("q", (1,), (7,), "By Ann  Lee, I think", (), (), True)
    result = grade(question, answer, Task(GradingRule.READY, Locating.COLUMN))
    assert (result.outcome, result.exact_answer, result.canonical) == (Outcome.RIGHT, "Ann  Lee", "ann lee")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task(GradingRule.CHOICE), "grading by choice needs candidates"),
        (Task(GradingRule.JUDGE, Locating.NAME), "needs a model that judges"),
        (Task(GradingRule.ALIAS, Locating.MODEL), "needs a model that locates"),
        (Task(GradingRule.ALIAS, Locating.RULE), "finds no exact answers of its own"),
    ],
)
def test_a_rule_that_lacks_what_it_needs_says_so(task: Task, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        grade(*pair("Ann Lee."), task)


@pytest.mark.parametrize(
    ("task", "text", "exact"),
    [
        (Task(GradingRule.NUMBER), "It is 12.", "12"),
        (Task(GradingRule.ALIAS, Locating.NAME), "It was Ann Lee.", "Ann Lee"),
        (Task(GradingRule.JUDGE, Locating.NAME), "It was Ann Lee.", "Ann Lee"),
        (Task(GradingRule.READY, Locating.NAME), "It was Ann Lee.", "Ann Lee"),
    ],
)
def test_without_accepted_answers_it_is_unscored_and_located(task: Task, text: str, exact: str) -> None:
    result = grade(Question("q", "Who was it?"), Answer("q", (1,), (7,), text, (), (), True), task)
    assert (result.outcome, result.exact_answer) == (Outcome.UNSCORED, exact)
    assert result.canonical


BORDERS: Sequence[tuple[str, str, Callable[[str], int]]] = [
    ("Ann Lee", "Ann Lee wrote it.", lambda text: 0),
    ("Ann Lee", "It was Ann Lee", lambda text: 7),
    ("Ann Lee", "Ann, Ann Lee, Ann Lee", lambda text: 5),
]


@pytest.mark.parametrize(("piece", "text", "start"), BORDERS)
def test_pieces_at_the_start_at_the_end_and_repeated_are_found(
    piece: str, text: str, start: Callable[[str], int]
) -> None:
    found = locate_piece(piece, text, "Who wrote it?")
    assert found is not None
    assert found.start == start(text)
