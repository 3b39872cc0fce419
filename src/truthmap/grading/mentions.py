"""Which of some named things a text names, where, and when a name only repeats the question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from truthmap.text import NormalizedText, find_words, normalize, normalized

Candidates = tuple[tuple[str, ...], ...]

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# What may stand between two words of one run: blanks, markdown emphasis, quotation marks.
_GAP = re.compile(r"[ *_\"'`]+")
# Words that join others; one of them alone next to a name does not make it a repetition.
_JOINING = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "is", "it", "of", "on", "or", "that", "the", "this", "to")
)
_LONGEST_ABBREVIATION = 6
_IN_ANY_CASE = frozenset(("uk", "usa", "uae", "drc", "prc", "ussr"))
"""Abbreviations that are no words in lower case either, as "us" is."""
_LOOK_BACK = 200
"""Characters before a name in which a repetition of the question would show."""
_REPEATED_RUN = 3


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a text names something.

    Attributes:
        start: First character, in the original text.
        end: One past the last character, in the original text.
        name: The name that was matched, normalized.
        things: Indices of the candidates that have this name; several where a name is ambiguous.
    """

    start: int
    end: int
    name: str
    things: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    abbreviation: bool
    things: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Shadow:
    phrase: str
    start: int
    end: int


def find_mentions(text: str, candidates: Candidates, shadows: tuple[str, ...] = ()) -> tuple[Mention, ...]:
    """Find where `text` names candidates, in order, without overlaps: the earliest first, of those the longest.

    Names match as whole words with case and accents set aside ("Niger" is not in "Nigeria"), hyphens like blanks; a
    name written in capitals only, of up to six characters (US, U.K.), matches in capitals only. A name within a
    `shadow` phrase ("New [Mexico]") is not a mention.
    """
    return tuple(mention for _, _, mention in _found(normalize(text), text, candidates, shadows))


def answering_mentions(
    text: str, question: str, candidates: Candidates, shadows: tuple[str, ...] = ()
) -> tuple[Mention, ...]:
    """Find the candidates that an answer names and that do not only repeat the question's own words.

    A mention repeats the question ("Mexico" in "Mexico City", "the city of Singapore") when the question has the same
    name and the words around the two agree: the word after it, or the word before it unless that is a joining word
    such as "of", or the three words before it, or all words before it in its clause where those are two or more. It
    also does when the question's name ends its clause and the answer opens a clause with it as the subject
    ("Singapore is in …").
    """
    asked = normalized(question)
    answered = normalize(text)
    return tuple(
        mention
        for start, end, mention in _found(answered, text, candidates, shadows)
        if not repeats_question(answered.text, start, end, asked)
    )


def repeats_question(answer: str, start: int, end: int, question: str) -> bool:
    """Return whether the characters `[start, end)` of an answer only repeat words of the question, both normalized."""
    name = answer[start:end]
    at = find_words(question, name)
    while at >= 0:
        if _same_surroundings(answer, (start, end), question, (at, at + len(name))):
            return True
        at = find_words(question, name, at + 1)
    return False


def _found(
    answered: NormalizedText, text: str, candidates: Candidates, shadows: tuple[str, ...]
) -> Iterator[tuple[int, int, Mention]]:
    """Yield normalized start, normalized end and the mention, in order."""
    places = sorted(_places(answered, text, candidates), key=lambda place: (place[0], -place[1]))
    hidden = _hidden(answered.text, shadows)
    reached = 0
    for start, end, name in places:
        if start < reached:
            continue
        reached = end
        if not any(low <= start and end <= high for low, high in hidden):
            yield start, end, Mention(*answered.original(start, end), name.text, name.things)


def _places(answered: NormalizedText, text: str, candidates: Candidates) -> Iterator[tuple[int, int, _Name]]:
    for name in _names(candidates):
        for start in _all_places(answered.text, name.text):
            end = start + len(name.text)
            low, high = answered.original(start, end)
            written = text[low:high]
            if not name.abbreviation or written.upper() == written or name.text.replace(".", "") in _IN_ANY_CASE:
                yield start, end, name


def _all_places(text: str, phrase: str) -> Iterator[int]:
    at = find_words(text, phrase)
    while at >= 0:
        yield at
        at = find_words(text, phrase, at + 1)


def _hidden(text: str, shadows: tuple[str, ...]) -> list[tuple[int, int]]:
    return [
        (at + shadow.start, at + shadow.end) for shadow in _shadows(shadows) for at in _all_places(text, shadow.phrase)
    ]


@lru_cache(maxsize=1024)
def _names(candidates: Candidates) -> tuple[_Name, ...]:
    """Return the normalized names with the candidates that have them."""
    things: dict[tuple[str, bool], list[int]] = {}
    for index, names in enumerate(candidates):
        for name in names:
            key = (normalized(name), _is_abbreviation(name))
            if key[0] and index not in things.setdefault(key, []):
                things[key].append(index)
    return tuple(_Name(text, short, tuple(found)) for (text, short), found in things.items())


@lru_cache(maxsize=64)
def _shadows(phrases: tuple[str, ...]) -> tuple[_Shadow, ...]:
    return tuple(_shadow(phrase) for phrase in phrases)


def _shadow(phrase: str) -> _Shadow:
    before, bracket, rest = phrase.partition("[")
    if not bracket:
        whole = normalized(phrase)
        return _Shadow(whole, 0, len(whole))
    name, _, after = rest.partition("]")
    start = len(normalize(before).text)
    return _Shadow(normalize(before + name + after).text, start, start + len(normalized(name)))


def _is_abbreviation(name: str) -> bool:
    return 1 < len(name) <= _LONGEST_ABBREVIATION and any(map(str.isupper, name)) and name == name.upper()


def _same_surroundings(answer: str, here: tuple[int, int], question: str, there: tuple[int, int]) -> bool:
    after_here, after_there = _word_after(answer, here[1]), _word_after(question, there[1])
    if after_here and after_here == after_there and after_here not in _JOINING:
        return True
    before_here, before_there = _words_before(answer, here[0]), _words_before(question, there[0])
    run = _common(before_here, before_there)
    if run >= _REPEATED_RUN or (run >= 1 and before_here[0] not in _JOINING):
        return True
    if run > 1 and run == len(before_here):
        return True
    return not before_here and bool(after_here) and not after_there


def _common(one: list[str], other: list[str]) -> int:
    run = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        run += 1
    return run


def _word_after(text: str, end: int) -> str:
    gap = _GAP.match(text, end)
    word = _WORD.match(text, gap.end()) if gap else None
    return word.group() if word else ""


def _words_before(text: str, start: int) -> list[str]:
    """Return the words of the clause before `start`, the nearest first, as far as they matter."""
    words: list[str] = []
    reached = start
    for word in reversed(list(_WORD.finditer(text, max(0, start - _LOOK_BACK), start))):
        if not _GAP.fullmatch(text, word.end(), reached):
            break
        words.append(word.group())
        reached = word.start()
    return words


def is_accepted(mention: Mention, candidates: Candidates, accepted: Iterable[str]) -> bool:
    """Return whether what a mention names is accepted: by the name itself, or by a name that only this candidate has.

    Where "Congo" stands for two countries and is accepted for one of them, "Congo" is accepted, the full name of the
    other country is not.
    """
    wanted = {normalized(name) for name in accepted}
    if mention.name in wanted:
        return True
    own = {name.text for name in _names(candidates) if name.things in [(thing,) for thing in mention.things]}
    return bool(own & wanted)
