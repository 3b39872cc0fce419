from __future__ import annotations

import pytest

from truthmap.grading.grade import grade
from truthmap.questions.paper_rows import NLI_LABELS, REVIEW_LABELS
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Grade, Outcome, Question


def say(text: str, asked: str = "Which city has more inhabitants, Lima or Quito?", accepted: str = "Lima") -> Grade:
    return _grade(Question("q", asked, (accepted,), (("Lima",), ("Quito",))), text, GradingRule.CHOICE)


def label(text: str, accepted: str = "neutral") -> Grade:
    labels = REVIEW_LABELS if accepted in ("positive", "negative") else NLI_LABELS
    asked = 'Does "A" represent entailment, contradiction, or neutrality of "B"?'
    return _grade(Question("q", asked, (accepted,), labels), text, GradingRule.LABEL)


def _grade(question: Question, text: str, rule: GradingRule) -> Grade:
    return grade(question, Answer("q", (1,), (7,), text, (), (), True), Task(rule))


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("Lima.", "Lima"),
        ("**Quito**", "Quito"),
        ("LIMA has more inhabitants than Quito.", "LIMA"),
        ("Of Lima or Quito, it is Quito.", "Quito"),
        ("Between Lima and Quito, Quito is larger than Lima.", "Quito"),
        ("Not Lima but Quito.", "Quito"),
        ("It isn't Lima: Quito is larger.", "Quito"),
        ("Unlike Quito, Lima is large.", "Lima"),
        ("Compared to Quito, Lima is large.", "Lima"),
        ("Which city has more inhabitants, Lima or Quito? Quito.", "Quito"),
        ("Lima is larger, Quito is smaller.", "Lima"),
        ("Lima is the larger city, while Quito is the capital of Ecuador.", "Lima"),
        ("Quito, the capital of Ecuador, is larger. Lima is the capital of Peru.", "Quito"),
        ("Lima is a smaller city compared to Quito.", "Quito"),
        ("Lima has fewer inhabitants than Quito, but both are large.", "Quito"),
        ("In comparison to Quito, Lima is larger.", "Lima"),
        ("Lima has ten million inhabitants, whereas Quito has two.", "Lima"),
    ],
)
def test_the_first_candidate_that_is_chosen_decides(text: str, exact: str) -> None:
    result = say(text)
    assert result.exact_answer == exact
    assert result.outcome is (Outcome.RIGHT if exact.casefold() == "lima" else Outcome.WRONG)
    assert result.span is not None
    assert text[result.span.start : result.span.end] == exact


@pytest.mark.parametrize(
    "text",
    [
        "Lima and Quito.",
        "Lima is the capital of Peru.",
        "Either Lima or Quito.",
        "It is neither Lima nor Quito.",
        "Bogotá.",
        "Lima is a city in Peru, while Quito is a city in Ecuador.",
        "The city of Lima, Peru, is the largest city in the country. Quito is",
        "Quito is the capital of Ecuador and is home to 2 million people. **Lima**",
    ],
)
def test_an_answer_that_chooses_none_is_unscored(text: str) -> None:
    result = say(text)
    assert (result.outcome, result.span) == (Outcome.UNSCORED, None)


def test_smaller_is_the_choice_where_the_question_asks_for_it() -> None:
    assert say("Lima is smaller than Quito.", "Which city is smaller, Lima or Quito?").exact_answer == "Lima"


def test_an_answer_that_only_tells_about_both_says_so() -> None:
    assert "says what each candidate is" in say("Lima is in Peru, and Quito is in Ecuador.").why


def test_a_quotation_of_the_question_is_no_choice() -> None:
    sentence = "The developer argued with the designer because he did not like the design."
    question = Question("q", f"{sentence} Who does 'he' refer to?", ("designer",), (("designer",), ("developer",)))
    text = f'In the sentence "{sentence}", the pronoun refers to the designer.'
    result = _grade(question, text, GradingRule.CHOICE)
    assert result.outcome is Outcome.RIGHT
    assert result.span is not None
    assert result.span.start == text.rindex("designer")
    assert _grade(question, sentence, GradingRule.CHOICE).outcome is Outcome.UNSCORED


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("neutrality", "neutral"),
        ("The hypothesis contradicts the statement.", "contradiction"),
        ("It represents entailment.", "entailment"),
        ("It does not represent entailment; it is neutral.", "neutral"),
        ("It represents entailment, contradiction, or neutrality. I say contradiction.", "contradiction"),
        ("It does not necessarily contradict, so it is entailed.", "entailment"),
    ],
)
def test_labels_in_all_their_forms_have_one_canonical_form(text: str, canonical: str) -> None:
    result = label(text)
    assert result.canonical == canonical
    assert result.outcome is (Outcome.RIGHT if canonical == "neutral" else Outcome.WRONG)
    assert result.rule == "label"


def test_reviews_are_read_by_their_first_label() -> None:
    assert label("Positive. Although some of it is negative …", "positive").outcome is Outcome.RIGHT
    assert label("The review is not positive; it is negative.", "negative").outcome is Outcome.RIGHT
    assert label("It is either positive or negative.", "negative").outcome is Outcome.UNSCORED


@pytest.mark.parametrize(
    ("asked", "text", "accepted"),
    [
        ("Is ice hot?", "The answer is, of course, no. Ice is cold.", "no"),
        ("Is ice hot?", "Certainly: no.", "no"),
        ("Is gold a metal?", "The answer is, of course, yes.", "yes"),
        ("Ist Eis heiß?", "Natürlich: nein.", "no"),
        ("Is the Sun a planet?", "The Sun is a celestial body, but it's not a planet. It is a star.", "no"),
        ("Is a whale a fish?", "That is a matter of taste. While whales are mammals, they are not fish.", "no"),
        ("Is gold a metal?", "Gold is precious, and it is a metal.", "yes"),
        ("Do spiders have six legs?", "Spiders are arachnids, so they do not have six legs.", "no"),
    ],
)
def test_yes_or_no_is_read_from_what_is_said(asked: str, text: str, accepted: str) -> None:
    result = _grade(Question("q", asked, (accepted,)), text, GradingRule.CHOICE)
    assert result.outcome is Outcome.RIGHT, result


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("Is water wet?", "Water is indeed a liquid, but it's not a solid substance."),
        ("Is the Sun a planet?", "The Sun is bright, and if it is not a planet, what is it?"),
        ("Is the Sun a planet?", "Mars is a planet, and it is not a star."),
        ("Is the Sun a planet?", "Some say that the Sun moves, but it is not a planet that moves like Mars."),
        ("Are tomatoes fruit?", "Botanists ask this often; they are fruit."),
        ("Is Peru in Asia?", "Lima is large, and it is old."),
    ],
)
def test_what_says_neither_yes_nor_no_is_unscored(asked: str, text: str) -> None:
    result = _grade(Question("q", asked, ("yes",)), text, GradingRule.CHOICE)
    assert result.outcome is Outcome.UNSCORED, result
