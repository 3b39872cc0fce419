"""Refusals, offers, denials and endings in the languages that are spoken most; and how long reading may take."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from truthmap.grading.budget import LONGEST, TOOK_TOO_LONG, Budget, TookTooLongError
from truthmap.grading.grade import grade
from truthmap.grading.languages import LANGUAGES, language, language_of
from truthmap.grading.reading import Reading
from truthmap.grading.tokens import tokenize
from truthmap.questions.loading import load_questions
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Grade, Outcome, Question

OPEN = Task(GradingRule.ALIAS, Locating.NAME)


def say(text: str, *accepted: str, asked: str = "Which city is it?") -> Grade:
    return grade(Question("q", asked, accepted), Answer("q", (1,), (7,), text, (), (), True), OPEN)


@pytest.mark.parametrize(
    "text",
    [
        "I have no idea.",
        "我不知道。",
        "抱歉，我无法回答这个问题。",
        "मुझे नहीं पता।",
        "No lo sé.",
        "Lo siento, no tengo información.",
        "Je ne sais pas.",
        "Désolé, je ne peux pas répondre.",
        "لا أعرف.",
        "عذرا، لا يمكنني الإجابة.",
        "আমি জানি না।",
        "Não sei.",
        "Desculpe, não tenho essa informação.",
        "Я не знаю.",
        "К сожалению, не могу ответить.",
        "مجھے نہیں معلوم۔",
        "Ich weiß es nicht.",
        "わかりません。",
        "잘 모르겠습니다.",
        "Saya tidak tahu.",
        "Bilmiyorum.",
        "Non lo so.",
    ],
)
def test_a_refusal_is_one_in_any_language(text: str) -> None:
    found = say(text, "Paris")
    assert (found.outcome, found.refusal, found.span) == (Outcome.WRONG, True, None)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("No estoy seguro, quizás Madrid.", "Madrid"),
        ("Je ne sais pas, peut-être Paris.", "Paris"),
        ("Ich bin nicht sicher, vielleicht Berlin.", "Berlin"),
        ("Não sei, talvez Lisboa.", "Lisboa"),
        ("我不确定，可能是巴黎。", "巴黎"),
        ("Не знаю, возможно, Москва.", "Москва"),
        ("لا أعرف، ربما باريس.", "باريس"),
        ("मुझे नहीं पता, शायद दिल्ली।", "दिल्ली"),
    ],
)
def test_an_offer_is_no_refusal_in_any_language(text: str, accepted: str) -> None:
    found = say(text, accepted)
    assert (found.outcome, found.refusal) == (Outcome.RIGHT, False)
    assert say(text, "Oslo").refusal is False


@pytest.mark.parametrize(
    ("text", "said", "denied"),
    [
        ("No es Lima sino Quito.", "Quito", "Lima"),
        ("Ce n'est pas Lyon mais Paris.", "Paris", "Lyon"),
        ("Nicht Bonn, sondern Berlin.", "Berlin", "Bonn"),
        ("Não é o Porto, mas Lisboa.", "Lisboa", "Porto"),
        ("Non è Milano ma Roma.", "Roma", "Milano"),
        ("Это не Омск, а Москва.", "Москва", "Омск"),
        ("不是上海，而是北京。", "北京", "上海"),
        ("大阪ではなく東京です。", "東京", "大阪"),
        ("부산이 아니라 서울입니다.", "서울", "부산"),
        ("Bukan Bandung melainkan Jakarta.", "Jakarta", "Bandung"),
        ("ليست حلب بل دمشق.", "دمشق", "حلب"),
        ("मुंबई नहीं बल्कि दिल्ली।", "दिल्ली", "मुंबई"),
    ],
)
def test_a_denial_is_one_in_any_language(text: str, said: str, denied: str) -> None:
    assert say(text, said).outcome is Outcome.RIGHT
    assert say(text, denied).outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("text", "accepted", "asked"),
    [
        ("수도는 서울입니다.", "서울", "한국의 수도는 어디입니까?"),
        ("Pääkaupunki sijaitsee Helsingissä.", "Helsinki", "Missä pääkaupunki sijaitsee?"),
        ("Başkenti Ankara'dır.", "Ankara", "Türkiye'nin başkenti neresi?"),
        ("Мы живём в Москве.", "Москва", "Где вы живёте?"),
        ("長江", "长江", "中国最长的河流是什么？"),
        ("PERÚ", "Peru", "¿Dónde está Lima?"),
    ],
)
def test_endings_and_variants_do_not_hide_a_name(text: str, accepted: str, asked: str) -> None:
    assert say(text, accepted, asked=asked).outcome is Outcome.RIGHT


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_what_grading_needs(code: str) -> None:
    words = language(code)
    assert words.code == code
    assert {"negates", "denied", "refuses", "softens", "offers", "yes", "no", "answers"} <= {
        str(s) for s in words.phrases
    }


@pytest.mark.parametrize(
    ("text", "asked", "code"),
    [
        ("It is Lima.", "¿Cuál es la capital de Perú?", "es"),
        ("Das ist die Antwort.", "What is it?", "de"),
        ("Brazil... no, wait, Portugal.", "Where is it?", "en"),
        ("東京", "", "zh"),
        ("東京です", "", "ja"),
    ],
)
def test_a_language_is_told_by_script_or_common_words(text: str, asked: str, code: str) -> None:
    assert language_of(tokenize(text), asked).code == code


PUMPED = ("\n", "Peru or ", '"')
SLOWLY_PUMPED = (" ", "a ", "so ", "no, ", "1 or ", "(", "not Peru ", "x Peru? ", "1,000,", "法", "```")
TASKS = {
    "alias": (Question("q", "Which city is it?", ("Lima", "the Moon's gravity", "7")), OPEN),
    "choice": (
        Question("q", "Which is larger, Peru or Chile?", ("Peru",), (("Peru",), ("Chile",))),
        Task(GradingRule.CHOICE),
    ),
    "number": (Question("q", "How many are 3 plus 4?", ("7",)), Task(GradingRule.NUMBER)),
}


@pytest.fixture
def old_objects_set_aside() -> Iterator[None]:
    """Let the collector look at what a test makes alone, and not through all that other tests left in this process."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(
    ("length", "pump"),
    [
        *((10_000, pump) for pump in PUMPED),
        *(pytest.param(100_000, pump, marks=pytest.mark.slow) for pump in PUMPED + SLOWLY_PUMPED),
    ],
)
def test_no_answer_takes_long(length: int, pump: str, old_objects_set_aside: None) -> None:
    """A linear reader takes some tenths of a second for 100 kB of anything; the quadratic one took minutes."""
    cities = load_questions("cities")
    text = f"Japan is{pump * (length // len(pump))}x Peru"
    for question, task in [(cities.questions[0], cities.task), *TASKS.values()]:
        start = time.process_time()
        grade(question, Answer(question.id, (1,), (7,), text, (), (), True), task)
        assert time.process_time() - start < 1 + length * 5e-5


def test_what_stands_beyond_the_bound_is_cut_off() -> None:
    question, task = TASKS["number"]
    text = " " * LONGEST + "It is 7."
    assert grade(question, Answer("q", (1,), (7,), text, (), (), True), task).outcome is Outcome.UNSCORED


def test_an_answer_that_takes_too_long_says_so() -> None:
    reading = Reading.of("It is Peru.", budget=Budget.start(-1.0))
    with pytest.raises(TookTooLongError):
        reading.stance(2, 3)
    assert TOOK_TOO_LONG == "took_too_long"
