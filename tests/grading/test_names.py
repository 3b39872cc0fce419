from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.grading.names import find_name

MOVIE = "Who acted as Terry Benedict in the movie 'Ocean's Eleven'?"


def name(text: str, question: str = MOVIE) -> str | None:
    span = find_name(text, question)
    return None if span is None else text[span.start : span.end]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("In the movie 'Ocean's Eleven', Terry Benedict was played by Andy García.", "Andy García"),
        ('The movie "Ocean\'s Eleven" (2001) stars George Clooney’s friend.', "George Clooney"),
        ("It was J. R. R. Tolkien, the writer.", "J. R. R. Tolkien"),
        ("Dr. Seuss!", "Dr. Seuss"),
        ("However, Vincent van Gogh painted it.", "Vincent van Gogh"),
        ("Terry Benedict is a role in Ocean's Eleven.", None),
        ("he is unknown to me and always was", None),
    ],
)
def test_the_first_name_that_the_question_does_not_have_is_found(text: str, found: str | None) -> None:
    assert name(text) == found


def test_the_question_says_whether_a_number_is_asked_for() -> None:
    text = "Ann Lee has 12 cats."
    assert name(text, "How many cats are there?") == "12"
    assert name(text, "Who has cats?") == "Ann Lee"
    assert name("Of 12 cats, Ann Lee has the most.", "What is known?") == "12"


def test_a_short_answer_without_a_name_is_taken_whole() -> None:
    assert name("the mango.", "Which fruit is it?") == "mango"
    assert name("a fruit", "Which fruit is a fruit?") is None


def test_the_name_rule_treats_right_and_wrong_answers_alike() -> None:
    for who in ("Andy García", "Brad Pitt"):
        assert name(f"Terry Benedict was played by {who} in 2001.") == who


@given(st.text(max_size=80))
def test_any_text_gives_a_span_within_it_or_none(text: str) -> None:
    span = find_name(text, MOVIE)
    assert span is None or text[span.start : span.end].strip()
