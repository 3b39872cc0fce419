"""Prompts that ask a model about its answer, and what is made of the replies."""

from __future__ import annotations

import math

import pytest

from truthmap.analyses.compare.confidences import (
    FALSE_FIRST,
    TRUE_FIRST,
    probability_true,
    read_percent,
    true_or_false_prompt,
)


def test_a_liking_for_a_letter_cancels() -> None:
    likes_a = (math.log(0.9), math.log(0.1))
    assert probability_true(likes_a, likes_a) == pytest.approx(0.5)


def test_only_the_two_letters_share_the_probability() -> None:
    assert probability_true((math.log(0.3), math.log(0.1)), (math.log(0.01), math.log(0.03))) == pytest.approx(0.75)


def test_an_impossible_letter_is_no_fault() -> None:
    assert probability_true((-1e9, -1.0), (-1.0, -1e9)) == pytest.approx(0.0)


@pytest.mark.parametrize(("order", "line"), [(TRUE_FIRST, "(A) True\n(B) False"), (FALSE_FIRST, "(A) False\n(B) True")])
def test_the_prompt_names_question_answer_and_choices(order, line) -> None:
    prompt = true_or_false_prompt("Where is Lima?", " Peru. ", order)
    assert "Where is Lima?" in prompt
    assert "Proposed answer: Peru.\n" in prompt
    assert line in prompt


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("85", 0.85), ("I'd say 70%.", 0.7), ("0.9", 0.9), ("100", 1.0), ("0", 0.0), ("1", 0.01),
        ("12.5 percent", 0.125), ("95/100", 0.95), ("very sure", None), ("", None),
        ("It has 1200 inhabitants", None), ("0.5%", 0.005),
        ("On a scale from 0 to 100, I would say 90", 0.9), ("On a scale of 0-100: 90.", 0.9), ("0 to 100? 75 %", 0.75),
        ("Between 0 and 100, it is 35.", 0.35), ("on a 1-10 scale, 8", 0.8), ("from 0 to 1 I say 0.7", 0.7),
        ("8/10", 0.8), ("9 out of 10", 0.9), ("I give it 7 / 10, since 3 of 4 sources agree", 0.7), ("10/10", 1.0),
        ("95 out of 100", 0.95), ("80-90%", 0.85), ("between 60 and 70 percent", 0.65), ("24/7", None),
        ("90 per cent", 0.9), ("1,200 people", None), ("It is 101", None), ("From 0 to 100", None),
    ],
)  # fmt: skip
def test_replies_are_read(reply, value) -> None:
    assert read_percent(reply) == (None if value is None else pytest.approx(value))
