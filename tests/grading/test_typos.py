"""A typing error in a long name is one only where it is asked for, and by the same distance for every name."""

from __future__ import annotations

import pytest

from truthmap.grading.grade import grade
from truthmap.grading.typos import edit_distance
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Outcome, Question

OPEN = Task(GradingRule.ALIAS, Locating.NAME)
COUNTRIES = (("Colombia",), ("Austria",), ("Australia",), ("Peru",))


def say(text: str, accepted: str, task: Task, candidates: tuple[tuple[str, ...], ...] | None = None) -> Outcome:
    question = Question("q", "Who or what is it?", (accepted,), candidates)
    return grade(question, Answer("q", (1,), (7,), text, (), (), True), task).outcome


@pytest.mark.parametrize(
    ("text", "accepted", "right"),
    [
        ("It was Shakspeare.", "Shakespeare", True),
        ("It was William Shakespaere.", "William Shakespeare", True),
        ("It was Marlow.", "Marlowe", True),
        ("It was Lama.", "Lima", False),
        ("It was Nigeria.", "Algeria", False),
        ("It was North Africa.", "South Africa", False),
        ("It was not Shakspeare.", "Shakespeare", False),
    ],
)
def test_a_typing_error_counts_only_where_it_is_asked_for(text: str, accepted: str, right: bool) -> None:
    assert say(text, accepted, OPEN) is Outcome.WRONG
    tolerant = Task(GradingRule.ALIAS, Locating.NAME, typos=True)
    assert (say(text, accepted, tolerant) is Outcome.RIGHT) is right


@pytest.mark.parametrize("accepted", ["Colombia", "Austria", "Peru"])
def test_the_distance_is_blind_to_what_is_accepted(accepted: str) -> None:
    task = Task(GradingRule.CANDIDATES, typos=True)
    assert say("Columbia", accepted, task, COUNTRIES) is (Outcome.RIGHT if accepted == "Colombia" else Outcome.WRONG)
    assert say("Columbia", accepted, Task(GradingRule.CANDIDATES), COUNTRIES) is Outcome.UNSCORED
    assert say("Pero", accepted, task, COUNTRIES) is Outcome.UNSCORED


def test_the_distance_counts_letters_added_dropped_changed_and_swapped() -> None:
    assert [edit_distance("abcd", other) for other in ("abcd", "abc", "abcde", "abxd", "bacd", "dcba")] == [
        0,
        1,
        1,
        1,
        1,
        3,
    ]
