from __future__ import annotations

import pytest

from truthmap.errors import QuestionsError
from truthmap.questions.catalogue import named_sets
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question

BUILT_IN = ("cities", "us_cities", "larger_city", "arithmetic")


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_built_in_set_has_a_thousand_distinct_questions(name: str) -> None:
    questions = load_questions(name).questions
    assert len(questions) >= 1000
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.text for question in questions}) == len(questions)
    assert all(question.accepted for question in questions)
    assert name in {known.name for known in named_sets()}


def test_cities_asks_for_1600_cities_and_knows_usual_other_names() -> None:
    questions = {question.text: question for question in load_questions("cities").questions}
    assert len(questions) == 1600
    chicago = questions["In which country is the city of Chicago?"]
    assert chicago.accepted[0] == "United States"
    assert {"USA", "U.S.", "America"} <= set(chicago.accepted)
    assert chicago.candidates is not None
    assert chicago.accepted in chicago.candidates
    assert "China" in questions["In which country is the city of Hong Kong?"].accepted


def test_a_limit_is_a_random_subset_that_grows_and_depends_on_the_seed() -> None:
    ids = {
        (limit, seed): [q.id for q in load_questions("cities", QuestionSettings(limit=limit, seed=seed)).questions]
        for limit in (50, 100)
        for seed in (0, 1)
    }
    assert len(ids[100, 0]) == 100
    assert set(ids[50, 0]) < set(ids[100, 0])
    assert ids[50, 0] != ids[50, 1]
    order = [question.id for question in load_questions("cities").questions]
    assert ids[100, 0] == sorted(ids[100, 0], key=order.index)
    assert ids[50, 0] != order[:50]


def test_the_digest_follows_the_questions() -> None:
    one, same = load_questions("cities"), load_questions("cities")
    assert one.digest == same.digest
    assert one.digest != load_questions("cities", QuestionSettings(limit=10)).digest


def test_larger_city_repeats_no_city_and_is_balanced_in_order() -> None:
    questions = load_questions("larger_city").questions
    names = [names[0] for question in questions for names in question.candidates or ()]
    assert len(set(names)) == len(names)
    first = sum(question.accepted == (question.candidates or ())[0] for question in questions)
    assert first / len(questions) == pytest.approx(0.5, abs=0.05)


def test_arithmetic_is_right() -> None:
    compute = {
        "plus": lambda a, b: a + b,
        "minus": lambda a, b: a - b,
        "times": lambda a, b: a * b,
        "divided by": lambda a, b: a // b if a % b == 0 else None,
    }
    for question in load_questions("arithmetic").questions:
        first, operation, second = question.text.removeprefix("What is ").removesuffix("?").split(maxsplit=2)[0], "", ""
        rest = question.text.removeprefix(f"What is {first} ").removesuffix("?")
        operation, second = rest.rsplit(" ", 1)
        assert question.accepted == (str(compute[operation](int(first), int(second))),)


def test_an_unknown_set_is_answered_with_the_known_ones() -> None:
    with pytest.raises(QuestionsError, match=r"unknown question set 'citys'.*cities.*us_cities"):
        load_questions("citys")


def test_prompts_are_filled_in_one_pass_so_braces_in_a_question_stay() -> None:
    task = Task(GradingRule.ALIAS, chat_prompt="{context}\n{text}")
    question = Question("1", "What is {context} or {0.__class__}?", context="A {text} here")
    assert task.chat(question) == "A {text} here\nWhat is {context} or {0.__class__}?"
    assert task.plain(question) == "Q: What is {context} or {0.__class__}?\nA:"
