"""What an answer to an open question gives: the name, number or phrase in it, found without the accepted answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from truthmap.grading.dates import find_dates
from truthmap.grading.decision import Named, concluding, decide, place_mentions
from truthmap.grading.lexicon import GREETING, Sign
from truthmap.grading.mentions import Mention
from truthmap.grading.name_spans import name_spans
from truthmap.grading.numbers import find_numbers
from truthmap.grading.polarity import asks_polarity, read_polarity
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.tokens import Token, tokenize
from truthmap.records import Span
from truthmap.text import is_unspaced, normalized

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
_PHRASE = 6
"""Words in a phrase that is taken whole, at most."""


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
    if _asks_name(question) and words > _PHRASE and not reading.is_unspaced:
        return OpenAnswer(None, low, high)
    return OpenAnswer(_phrase(reading, question, asked, low, high), low, high)


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
        return _phrase(reading, question, asked, max(low, reading.tokens[verb - 1].end), end)
    return None


def _things(reading: Reading, question: str, asked: frozenset[str]) -> list[Mention]:
    """Return the names and numbers that may be the answer, each thing with its own index."""
    names = [span for span in name_spans(reading.text) if _is_new(reading, span, asked)]
    numbers = [
        Span(n.start, n.end)
        for n in (*find_dates(reading.text), *find_numbers(reading.text, reading.language.code))
        if not {token.norm for token in tokenize(reading.text[n.start : n.end])} <= asked
    ]
    if _asks_number(question) and numbers:
        names = []
    elif _asks_name(question) and names:
        numbers = []
    numbers = [n for n in numbers if not any(name.start < n.end and n.start < name.end for name in names)]
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


def _fragment(reading: Reading, said: Sequence[Named]) -> tuple[int, int] | None:
    """Return the first sentence where it is only a name or a number: "Saturn. Jupiter is only …"."""
    for low, high in reading.sentences[:2]:
        words = [token for token in reading.tokens[low:high] if token.word]
        if not words or _only_greets(reading, low, high):
            continue
        signs = {mark.sign for mark in reading.sign_at[low:high] if mark is not None}
        start, end = reading.tokens[low].start, reading.tokens[high - 1].end
        name = any(start <= each.mention.start and each.mention.end <= end for each in said)
        plain = not signs & {Sign.VERB, Sign.NEGATES, Sign.CORRECTS, Sign.OR} and reading.tokens[high - 1].norm not in (
            "?",
            ":",
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


def _phrase(reading: Reading, question: str, asked: frozenset[str], low: int, high: int) -> Span | None:
    """Return the first words that the text says and the question does not have."""
    shared = _bigrams(question)
    for run in _runs(reading, asked, shared, low, high):
        first, last = run[0], run[-1]
        start, end = reading.tokens_of(first.start, last.end)
        fits = len(run) <= _PHRASE or is_unspaced(first.norm[0])
        if fits and reading.stance(start, end) is Stance.SAID:
            return Span(first.start, last.end)
    return None


def _runs(
    reading: Reading, asked: frozenset[str], shared: frozenset[str], low: int, high: int
) -> Iterator[list[Token]]:
    """Yield the runs of words that are neither glue nor in the question; of scripts without spaces their characters."""
    run: list[Token] = []
    stems = {_stem(word) for word in asked}
    for index, token in enumerate(reading.tokens):
        mark = reading.sign_at[index]
        bound = mark is not None and mark.sign not in (Sign.NEUTRAL, Sign.OR, Sign.AND)
        inside = low <= token.start and token.end <= high
        if is_unspaced(token.norm[0]):
            known = _is_shared(reading, index, shared)
        else:
            known = token.norm in asked or _stem(token.norm) in stems
        if inside and token.word and not bound and not known and token.norm not in reading.language.glue:
            run.append(token)
        elif run and not (
            token.norm in ("-", "'", "’", ".")
            and run[-1].end == token.start
            and index + 1 < len(reading.tokens)
            and reading.tokens[index + 1].start == token.end
        ):
            yield run
            run = []
    if run:
        yield run


def _bigrams(question: str) -> frozenset[str]:
    """Return the pairs of neighbouring characters of a question in a script without spaces."""
    return frozenset(one + other for one, other in pairwise(question) if is_unspaced(one))


def _is_shared(reading: Reading, index: int, shared: frozenset[str]) -> bool:
    tokens = reading.tokens
    before = tokens[index - 1].norm + tokens[index].norm if index else ""
    after = tokens[index].norm + tokens[index + 1].norm if index + 1 < len(tokens) else ""
    return before in shared or after in shared


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
