"""What an answer to an open question gives: the name, number or phrase in it, found without the accepted answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from truthmap.grading.country_names import is_people
from truthmap.grading.dates import find_dates
from truthmap.grading.decision import Named, concluding, decide, place_mentions
from truthmap.grading.lexicon import GREETING, Sign
from truthmap.grading.mentions import Mention
from truthmap.grading.name_spans import name_spans
from truthmap.grading.new_phrase import LONGEST_PHRASE, new_phrase
from truthmap.grading.numbers import find_numbers
from truthmap.grading.polarity import asks_polarity, read_polarity
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.tokens import tokenize
from truthmap.records import Span
from truthmap.text import normalized

_WHO = frozenset(
    [
        "who",
        "whom",
        "whose",
        "where",
        "wer",
        "wo",
        "wem",
        "qui",
        "où",
        "quién",
        "quien",
        "dónde",
        "donde",
        "quem",
        "onde",
        "chi",
        "dove",
        "кто",
        "где",
        "谁",
        "誰",
    ]
)
_NUMBERS = frozenset(
    [
        "when",
        "wann",
        "quand",
        "cuándo",
        "cuando",
        "quando",
        "когда",
        "year",
        "jahr",
        "année",
        "año",
        "ano",
        "anno",
        "多少",
        "几",
        "combien",
        "cuántos",
        "cuántas",
        "quantos",
        "quantas",
        "quanti",
        "wieviel",
        "сколько",
    ]
)
_HOW = frozenset(["many", "much", "old", "long", "far", "tall", "high", "deep", "big", "heavy", "fast", "wide"])
_FRAGMENT = 8
"""Words in a first sentence that is an answer by itself, at most."""


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """What an answer to an open question gives.

    Attributes:
        span: Its name, number or phrase; `None` where none was found.
        low, high: The characters that answer: all of the text, or the part that concludes.
        undecided: It leaves several open.
    """

    span: Span | None
    low: int
    high: int
    undecided: bool = False


def read_open(reading: Reading, question: str) -> OpenAnswer:
    """Read an answer to an open question.

    It gives what its conclusion names ("the answer is X"), or its first sentence where that is only a name; else
    the first proper name, quoted title or number that it says and that the question does not contain. Questions with
    who or where look for names only, those with how many or when for numbers first. Where neither stands it gives the
    first words that the question does not have.
    """
    whole = (0, len(reading.text))
    if asks_polarity(question):
        said, both = read_polarity(reading, question)
        return OpenAnswer(None if said is None else said.span, *whole, undecided=both)
    asked = frozenset(token.norm for token in tokenize(question) if token.word)
    named = place_mentions(reading, _things(reading, question, asked))
    low, high = _region(reading, named, question, asked)
    inside = [each for each in named if low <= each.mention.start and each.mention.end <= high]
    if not _asks_name(question) and not _asks_number(question):
        plain = _predicate(reading, question, asked, inside, low, high)
        if plain is not None:
            return OpenAnswer(plain, low, high)
    decision = decide(reading, inside, question, joins=(Sign.OR, Sign.EITHER))
    if decision.undecided and any(each.stance is Stance.SAID for each in inside):
        return OpenAnswer(None, low, high, undecided=True)
    if decision.mention is not None:
        return OpenAnswer(Span(decision.mention.start, decision.mention.end), low, high)
    if _leaves_open(reading, low, high):
        return OpenAnswer(None, low, high, undecided=True)
    words = sum(token.word for token in reading.tokens)
    if _asks_name(question) and words > LONGEST_PHRASE and not reading.is_unspaced:
        return OpenAnswer(None, low, high)
    return OpenAnswer(new_phrase(reading, question, asked, low, high), low, high)


def _predicate(
    reading: Reading, question: str, asked: frozenset[str], named: Sequence[Named], low: int, high: int
) -> Span | None:
    """Return what the first sentence says behind its verb, where no name stands in it: "It is the kangaroo."."""
    for first, last in reading.sentences:
        start, end = reading.tokens[first].start, reading.tokens[last - 1].end
        if end <= low or _only_greets(reading, first, last):
            continue
        verb = next((m.end for m in reading.sign_at[first:last] if m is not None and m.sign is Sign.VERB), None)
        named_here = any(start <= each.mention.start < end for each in named)
        if verb is None or named_here or end > high:
            return None
        return new_phrase(reading, question, asked, max(low, reading.tokens[verb - 1].end), end)
    return None


def _things(reading: Reading, question: str, asked: frozenset[str]) -> list[Mention]:
    """Return the names and numbers that may be the answer, each thing with its own index."""
    names = [span for span in name_spans(reading.text) if _is_new(reading, span, asked)]
    if _asks_name(question):
        names = [span for span in names if not is_people(reading.text[span.start : span.end])]
    numbers = [Span(date.start, date.end) for date in find_dates(reading.text)]
    numbers += [Span(number.start, number.end) for number in find_numbers(reading.text, reading.language.code)]
    numbers = [n for n in numbers if not {token.norm for token in tokenize(reading.text[n.start : n.end])} <= asked]
    if _asks_number(question) and numbers:
        names = []
    elif _asks_name(question) and names:
        numbers = []
    index: dict[str, int] = {}
    things: list[Mention] = []
    for span in sorted([*names, *numbers], key=lambda span: (span.start, -span.end)):
        if things and span.start < things[-1].end:
            continue
        text = normalized(reading.text[span.start : span.end])
        things.append(Mention(span.start, span.end, text, (index.setdefault(text, len(index)),)))
    return things


def _asks_name(question: str) -> bool:
    return any(token.norm in _WHO for token in tokenize(question[:2000]))


def _asks_number(question: str) -> bool:
    words = [token.norm for token in tokenize(question[:2000])]
    how = any(one == "how" and other in _HOW for one, other in pairwise(words))
    return how or any(word in _NUMBERS for word in words)


def _is_new(reading: Reading, span: Span, asked: frozenset[str]) -> bool:
    first, last = reading.tokens_of(span.start, span.end)
    return any(
        token.word and token.norm not in asked and token.norm not in reading.language.glue
        for token in reading.tokens[first:last]
    )


def _region(reading: Reading, named: Sequence[Named], question: str, asked: frozenset[str]) -> tuple[int, int]:
    """Return the characters that answer."""
    said = [each for each in named if each.stance is Stance.SAID]
    marked = _behind_marker(reading, asked)
    if marked is not None:
        return marked
    keyed = _keyed(reading, asked)
    if keyed is not None:
        return keyed
    drawn = concluding(reading, said, question)
    if drawn:
        return reading.tokens[drawn[0].first].start, len(reading.text)
    return _fragment(reading, said) or (0, len(reading.text))


def _behind_marker(reading: Reading, asked: frozenset[str]) -> tuple[int, int] | None:
    """Return the sentence behind the last "the answer is"; what follows too where that sentence has no content."""
    for mark in reversed(reading.marks):
        if mark.sign is not Sign.ANSWERS or mark.end >= len(reading.tokens):
            continue
        start = reading.tokens[mark.end].start
        _, high = reading.sentence_of(mark.end)
        content = [
            t
            for t in reading.tokens[mark.end : high]
            if t.word and t.norm not in asked and t.norm not in reading.language.glue
        ]
        if content and content[0].norm not in ("below", "follows", "simple", "easy", "clear", "above"):
            return start, reading.tokens[high - 1].end
        return start, len(reading.text)
    return None


def _keyed(reading: Reading, asked: frozenset[str]) -> tuple[int, int] | None:
    """Return the value of the line of a list whose key the question names: "- **Capital:** Ulaanbaatar"."""
    lines = reading.sentences
    for low, high in lines if len(lines) > 1 else ():
        colon = next((index for index in range(low, min(high, low + 10)) if reading.tokens[index].norm == ":"), None)
        key = [token.norm for token in reading.tokens[low:colon] if token.word] if colon is not None else []
        value = [token for token in reading.tokens[colon or low : high] if token.word]
        if key and value and asked.issuperset(key) and not all(token.norm in asked for token in value):
            return value[0].start, value[-1].end
    return None


def _fragment(reading: Reading, said: Sequence[Named]) -> tuple[int, int] | None:
    """Return the first sentence where it is only a name or a number: "Saturn. Jupiter is only …"."""
    for low, high in reading.sentences[:2]:
        words = [token for token in reading.tokens[low:high] if token.word]
        if not words or _only_greets(reading, low, high):
            continue
        signs = {mark.sign for mark in reading.sign_at[low:high] if mark is not None}
        start, end = reading.tokens[low].start, reading.tokens[high - 1].end
        name = any(start <= each.mention.start and each.mention.end <= end for each in said)
        plain = (
            reading.tokens[low].norm not in ("|", "-", "•")
            and not signs & {Sign.VERB, Sign.NEGATES, Sign.CORRECTS, Sign.OR}
            and reading.tokens[high - 1].norm
            not in (
                "?",
                ":",
            )
        )
        return (start, end) if name and plain and len(words) <= _FRAGMENT else None
    return None


def _only_greets(reading: Reading, low: int, high: int) -> bool:
    tokens = reading.tokens[low:high]
    covered = {index for mark in reading.language.marks(tokens, GREETING) for index in range(mark.start, mark.end)}
    return all(index in covered or not token.word for index, token in enumerate(tokens))


def _leaves_open(reading: Reading, low: int, high: int) -> bool:
    """Return whether lower-case things are left open: "either the heart or the liver", "red or blue."."""
    for first, last in reading.sentences[:1]:
        if not (low <= reading.tokens[first].start < high):
            return False
        signs = [mark.sign if mark is not None else None for mark in reading.sign_at[first:last]]
        words = [token for token in reading.tokens[first:last] if token.word]
        if Sign.OR not in signs or Sign.NEGATES in signs:
            return False
        return Sign.EITHER in signs or (len(words) <= 5 and Sign.VERB not in signs)
    return False
