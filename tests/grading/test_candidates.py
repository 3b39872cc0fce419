from __future__ import annotations

import pytest

from truthmap.grading.grade import grade
from truthmap.grading.mentions import find_mentions
from truthmap.questions.loading import load_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Answer, Grade, Outcome, Question, Span


@pytest.fixture(scope="module")
def cities() -> QuestionSet:
    return load_questions("cities")


def say(cities: QuestionSet, city: str, text: str, fault: str | None = None) -> Grade:
    names = cities.questions[0].candidates or ()
    by_text = {question.text: question for question in cities.questions}
    question = by_text.get(f"In which country is the city of {city}?") or Question(
        "q", f"In which country is the city of {city}?", names[0], names
    )
    ids = () if fault else (7,)
    return grade(question, Answer(question.id, (1, 2), ids, text, (), (), True, fault=fault), cities.task)


@pytest.mark.parametrize(
    ("city", "text", "exact", "outcome"),
    [
        # Whole words, accents and case folded, the first named wins, the longest at one place.
        ("Lagos", "Lagos is in Nigeria, not in Niger.", "Nigeria", Outcome.RIGHT),
        ("Lagos", "It is in Niger.", "Niger", Outcome.WRONG),
        ("Bucharest", "It is in Romania.", "Romania", Outcome.RIGHT),
        ("Abidjan", "It is in COTE D’IVOIRE.", "COTE D’IVOIRE", Outcome.RIGHT),
        ("Istanbul", "It is in Tu\u0308rkiye!", "Tu\u0308rkiye", Outcome.RIGHT),
        ("Conakry", "Guinea-Bissau", "Guinea-Bissau", Outcome.WRONG),
        ("Khartoum", "South Sudan", "South Sudan", Outcome.WRONG),
        ("Kinshasa", "the Democratic Republic of the Congo", "Democratic Republic of the Congo", Outcome.RIGHT),
        ("Kinshasa", "the Republic of the Congo", "Republic of the Congo", Outcome.WRONG),
        ("Kinshasa", "the Congo", "Congo", Outcome.RIGHT),
        ("Brazzaville", "the Congo", "Congo", Outcome.RIGHT),
        ("Brazzaville", "Democratic Republic of the Congo", "Democratic Republic of the Congo", Outcome.WRONG),
        ("Seoul", "Korea", "Korea", Outcome.RIGHT),
        ("Seoul", "North Korea", "North Korea", Outcome.WRONG),
        # Usual other names and abbreviations, these in capitals only.
        ("Chicago", "Tell us: the USA", "USA", Outcome.RIGHT),
        ("Chicago", "the U.S.", "U.S.", Outcome.RIGHT),
        ("London", "England", "England", Outcome.RIGHT),
        ("Amsterdam", "Holland", "Holland", Outcome.RIGHT),
        ("Prague", "the Czech Republic", "Czech Republic", Outcome.RIGHT),
        ("Yangon", "Burma", "Burma", Outcome.RIGHT),
        # Not where the answer only repeats the question's own words.
        ("Mexico City", "Mexico City is in Mexico.", "Mexico", Outcome.RIGHT),
        ("Mexico City", "**Mexico City** is in Spain.", "Spain", Outcome.WRONG),
        ("Panama City", "The city of Panama City is in Colombia", "Colombia", Outcome.WRONG),
        ("Guatemala City", "Guatemala City: Guatemala", "Guatemala", Outcome.RIGHT),
        ("Benin City", "Benin City is in Nigeria", "Nigeria", Outcome.RIGHT),
        ("Port Sudan", "Port Sudan is in Egypt", "Egypt", Outcome.WRONG),
        ("Singapore", "Singapore is in Malaysia.", "Malaysia", Outcome.WRONG),
        ("Singapore", "The city of Singapore is in China.", "China", Outcome.WRONG),
        ("Singapore", "Singapore", "Singapore", Outcome.RIGHT),
        ("Djibouti", "Djibouti is the capital city of Djibouti.", "Djibouti", Outcome.RIGHT),
        # Not where the name is part of the name of something else.
        ("Albuquerque", "It is in New Mexico, in the United States.", "United States", Outcome.RIGHT),
        ("Atlanta", "Atlanta is in the state of Georgia, United States.", "United States", Outcome.RIGHT),
        ("Lima", "It is in South America, in Peru.", "Peru", Outcome.RIGHT),
    ],
)
def test_the_first_country_named_decides(
    cities: QuestionSet, city: str, text: str, exact: str, outcome: Outcome
) -> None:
    result = say(cities, city, text)
    assert (result.exact_answer, result.outcome) == (exact, outcome)
    assert result.span is not None
    assert text[result.span.start : result.span.end] == exact
    assert result.rule == "candidates"


def test_the_span_is_the_answer_and_not_the_echo(cities: QuestionSet) -> None:
    assert say(cities, "Singapore", "Singapore is in Singapore.").span == Span(16, 25)
    assert say(cities, "Mexico City", "Mexico City is in Mexico.").span == Span(18, 24)


@pytest.mark.parametrize(
    "text", ["It is a large city.", "Tell us.", "Mexico City is big.", "Nigerian", "South America"]
)
def test_an_answer_that_names_no_country_is_unscored(cities: QuestionSet, text: str) -> None:
    result = say(cities, "Mexico City", text)
    assert (result.outcome, result.span, result.refusal) == (Outcome.UNSCORED, None, False)


def test_a_refusal_is_its_own_kind_of_wrong(cities: QuestionSet) -> None:
    result = say(cities, "Lima", "I'm sorry, but I don’t know.")
    assert (result.outcome, result.refusal, result.span) == (Outcome.WRONG, True, None)
    assert say(cities, "Lima", "I'm not sure, perhaps Peru.").outcome is Outcome.RIGHT


def test_faulty_and_empty_answers_are_unscored_with_the_reason(cities: QuestionSet) -> None:
    assert say(cities, "Lima", "", fault="prompt_too_long").why == "prompt_too_long"
    assert say(cities, "Lima", " \n").outcome is Outcome.UNSCORED


def test_names_of_one_thing_share_a_canonical_form(cities: QuestionSet) -> None:
    canonical = {say(cities, "Chicago", text).canonical for text in ("the USA", "America", "the United States")}
    assert canonical == {"United States"}


def test_mentions_do_not_overlap_and_come_in_order() -> None:
    candidates = (("Guinea",), ("Guinea-Bissau",), ("Papua New Guinea",), ("Peru",))
    found = find_mentions("Peru, Papua New Guinea, Guinea Bissau and Guinea", candidates)
    assert [mention.things for mention in found] == [(3,), (2,), (1,), (0,)]
