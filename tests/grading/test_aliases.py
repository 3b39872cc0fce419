from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.grading.alias_mentions import find_alias, normalize_answer, normalized_answer
from truthmap.grading.grade import grade
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Grade, Outcome, Question
from truthmap.text import normalize

TASK = Task(GradingRule.ALIAS, Locating.NAME)


def say(text: str, *accepted: str, asked: str = "Who is it?") -> Grade:
    return grade(Question("q", asked, accepted), Answer("q", (1,), (7,), text, (), (), True), TASK)


@pytest.mark.parametrize(
    ("text", "alias", "right"),
    [
        ("It was GEORGE CLOONEY.", "George Clooney", True),
        ("It was George Clooneys.", "George Clooney", False),
        ("The Beatles.", "Beatles", True),
        ("Beatles.", "The Beatles", True),
        ("by J. R. R. Tolkien’s pen", "J.R.R. Tolkien", True),
        ("Génesis Rodriguez", "Genesis Rodríguez", True),
        ("In The Lord of Rings", "The Lord of the Rings", True),
        ("由杰森·莫玛扮演", "杰森·莫玛", True),
        ("It is in C# or C.", "C#", True),
        ("It is c, I think.", "C", False),
        ("It is C, I think.", "C", True),
        ("Tell us.", "US", False),
        ("!!! are a band", "!!!", True),
        ("A man called The The", "The The", True),
        ("Nigeria", "Niger", False),
    ],
)
def test_accepted_answers_count_as_whole_words_without_articles(text: str, alias: str, right: bool) -> None:
    assert say(text, alias).outcome is (Outcome.RIGHT if right else Outcome.WRONG)


def test_any_alias_will_do_and_the_evidence_says_which() -> None:
    result = say("It was Mark Twain.", "Samuel Clemens", "Mark Twain")
    assert (result.outcome, result.rule) == (Outcome.RIGHT, "alias")
    assert result.why == "contains 'Mark Twain', an accepted answer"


def test_an_answer_that_only_repeats_the_question_is_not_right() -> None:
    asked = "Who acted as George in the movie 'George of the Jungle'?"
    assert say("The movie 'George of the Jungle' is a comedy.", "George", asked=asked).outcome is Outcome.WRONG


def test_one_exact_answer_has_one_canonical_form_right_or_wrong() -> None:
    right = say("It was the actor George Clooney.", "George Clooney")
    wrong = say("It was George  CLOONEY’s!", "Brad Pitt")
    assert right.canonical == wrong.canonical == "george clooney"


def test_canonical_forms_know_no_accepted_answers() -> None:
    said = [f"It was {name}." for name in ("Mark Twain", "Samuel Clemens", "MARK TWAIN", "S. L. Clemens")]
    known = [say(text, "Samuel Clemens", "Mark Twain").canonical for text in said]
    assert known == [say(text, "Jane Austen").canonical for text in said]
    assert len(set(known)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "I don't know who that is.",
        "I'm sorry, but I do not have any information about this movie.",
        "As an AI, I cannot watch films.",
        "Unfortunately, there is not enough context.",
    ],
)
def test_refusals_are_a_kind_of_wrong_without_an_exact_answer(text: str) -> None:
    result = say(text, "George Clooney")
    assert (result.outcome, result.refusal, result.span, result.canonical) == (Outcome.WRONG, True, None, "")


def test_an_answer_that_offers_something_all_the_same_is_no_refusal() -> None:
    result = say("I'm not sure, perhaps it was Brad Pitt.", "George Clooney")
    assert (result.refusal, result.exact_answer) == (False, "Brad Pitt")
    assert say("I don't know. George Clooney?", "George Clooney").outcome is Outcome.RIGHT


@given(st.text(max_size=60))
def test_a_bare_text_maps_into_the_original_in_order(text: str) -> None:
    result = normalize_answer(text)
    assert len(result.text) == len(result.starts) == len(result.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(result.starts, result.ends, strict=True))
    assert list(result.starts) == sorted(result.starts)
    assert normalized_answer(normalized_answer(text)) == normalized_answer(text)


WORDS = st.lists(
    st.sampled_from(["Zoë", "O’Neil", "the", "Straße", "Ωμέγα", "3rd", "e\u0301t", "-", "“x”", "🎉"]),
    min_size=1,
    max_size=4,
)


@given(WORDS, WORDS, WORDS)
def test_a_span_found_folds_to_the_alias_it_was_found_by(before: list[str], alias: list[str], after: list[str]) -> None:
    phrase = " ".join(alias)
    text = " ".join([*before, phrase, *after])
    mention = find_alias(text, "", (phrase,))
    if len(normalized_answer(phrase)) < 3:
        return
    assert mention is not None
    piece = text[mention.span.start : mention.span.end]
    wanted, found = normalized_answer(phrase), normalized_answer(piece)
    assert wanted in normalize(found).text or found == wanted


def test_what_was_found_as_the_answer_is_not_taken_back_by_a_later_word() -> None:
    text = "The Red Planet is known as Mars. However, the actual planet is actually called the Red Planet."
    result = say(text, "Mars", asked="Which planet is known as the Red Planet?")
    assert (result.outcome, result.exact_answer) == (Outcome.RIGHT, "Mars")
    assert (
        say("It is Lima. No, actually it is Quito.", "Lima", asked="What is the capital of Peru?").exact_answer
        == "Quito"
    )
    assert say("It is Lima. No, actually it is Quito.", "Lima").outcome is Outcome.WRONG
