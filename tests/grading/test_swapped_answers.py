"""Only the outcome may know the accepted answers: swap them, and everything else that grading finds stays."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.grading.careful_cases import graded, own_rows, rows

from truthmap.grading.decision import UNDECIDED
from truthmap.grading.grade import grade
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Grade, Question

NAMES = ("Shakespeare", "Marlowe", "Ben Jonson", "Lope de Vega", "Goethe")
PLACES = ("Peru", "Chile", "Spain", "New Zealand", "Ivory Coast")
NUMBERS = ("7", "12", "1,500", "3.5", "42")
POLAR = ("yes", "no")
LABELS = ("positive", "negative")
TEMPLATES = (
    "{a}",
    "{a}.",
    "It was {a}.",
    "Unfortunately, it was {a}.",
    "I'm sorry, but it was {a}.",
    "I'm not sure, but it was {a}.",
    "I don't know. {a}?",
    "I don't know.",
    "As an AI model, I can tell you it was {a}.",
    "As an AI, I cannot say whether it was {a} or {b}.",
    "I have no idea, perhaps {a}.",
    "I do not have any information about that.",
    "It was {a}, not {b}.",
    "Not {a} but {b}.",
    "It is not {a}; it is {b}.",
    "Either {a} or {b}.",
    "{a} or {b}.",
    "{a} or {b}? {b}.",
    "{a}? No, {b}.",
    "I would say {a}... no, {b}.",
    "Some say {a}, but the answer is {b}.",
    "I thought it was {a}, but it is {b}.",
    "There is no doubt that it is {a}.",
    "Unlike {a}, {b} fits.",
    "So the answer is {a}. It is not {b}.",
    "{a}\n\nExplanation: others would say {b}.",
    "**Answer:** {a}",
    "Sorry, {a} is wrong, so it must be {b}.",
    "It could be {a}, {b}, or something else.",
    "The answer cannot be determined; {a} and {b} are both possible.",
    '{{"answer": "{a}"}}',
    "$\\boxed{{{a}}}$",
    "",
)


class Judge:
    """Replies by the prompt's accepted answers: what a judge says may depend on them."""

    def ask(self, prompts: list[str]) -> list[str]:
        return ["right" if "Accepted: S" in prompt.rpartition("Question:")[2] else "wrong" for prompt in prompts]


CASES = {
    "alias": (GradingRule.ALIAS, Locating.NAME, NAMES, None, "Who wrote it?"),
    "alias, places": (GradingRule.ALIAS, Locating.NAME, PLACES, None, "Where is the city?"),
    "alias, numbers": (GradingRule.ALIAS, Locating.NAME, NUMBERS, None, "How many are there?"),
    "alias, yes and no": (GradingRule.ALIAS, Locating.NAME, POLAR, None, "Is it so?"),
    "judge": (GradingRule.JUDGE, Locating.NAME, NAMES, None, "Who wrote it?"),
    "candidates": (GradingRule.CANDIDATES, Locating.RULE, PLACES, PLACES, "In which country is it?"),
    "choice": (GradingRule.CHOICE, Locating.RULE, PLACES[:2], PLACES[:2], "Which is larger, Peru or Chile?"),
    "choice, yes and no": (GradingRule.CHOICE, Locating.RULE, POLAR, None, "Is it so?"),
    "choice, letters": (GradingRule.CHOICE, Locating.RULE, ("A", "B"), ("A", "B"), "Pick one. (A) cat (B) dog"),
    "label": (GradingRule.LABEL, Locating.RULE, LABELS, LABELS, "Is the review positive or negative?"),
    "number": (GradingRule.NUMBER, Locating.RULE, NUMBERS, None, "How many are there?"),
    "ready": (GradingRule.READY, Locating.NAME, NAMES, None, "Who wrote it?"),
}


def say(kind: str, text: str, accepted: str) -> Grade:
    rule, locating, _, candidates, asked = CASES[kind]
    names = None if candidates is None else tuple((name,) for name in candidates)
    question = Question("q", asked, (accepted,), names)
    return grade(question, Answer("q", (1,), (7,), text, (), (), True), Task(rule, locating), Graders(judge=Judge()))


def without_outcome(found: Grade) -> tuple[object, ...]:
    """Return all of a grade that may not depend on the accepted answers."""
    same = replace(found, outcome=None, why="", rule="", judgement=None)  # type: ignore[arg-type]
    return same, found.why == UNDECIDED


@pytest.mark.parametrize("kind", CASES)
@given(st.data())
def test_swapping_the_accepted_answer_moves_nothing(kind: str, data: st.DataObject) -> None:
    words = CASES[kind][2]
    one, other = data.draw(st.permutations(words))[:2]
    text = data.draw(st.sampled_from(TEMPLATES)).format(a=one, b=other)
    graded = [without_outcome(say(kind, text, accepted)) for accepted in words]
    assert graded.count(graded[0]) == len(words)


@pytest.mark.parametrize("template", [t for t in TEMPLATES if "{a}" in t and "cannot" not in t])
def test_what_names_something_is_no_refusal(template: str) -> None:
    text = template.format(a="Marlowe", b="Ben Jonson")
    assert [say("alias", text, accepted).refusal for accepted in NAMES] == [False] * len(NAMES)


OTHERS = {
    "candidates": ("Peru", "Japan"),
    "alias": ("Marlowe", "the blue whale", "Ulaanbaatar", "7"),
    "number": ("7", "-123456", "90 minutes"),
    "choice": ("yes", "no"),
    "label": ("negative", "positive"),
}
"""Accepted answers of each rule to put in place of a case's own, where it has no candidates."""


def test_no_case_of_a_careful_reader_moves_with_its_accepted_answer() -> None:
    """Say so of every case by its rule; a choice keeps to its candidates."""
    for row in [*rows("grading_cases.csv"), *own_rows()]:
        offered = json.loads(row["candidates"]) if row["candidates"].startswith("[") else ()
        others = [names[0] for names in offered] or OTHERS[row["rule"]]
        found = [without_outcome(graded({**row, "accepted": json.dumps([other])})) for other in others]
        assert found.count(found[0]) == len(found), row["text"]
