"""Accepted answers in other forms than their own words: inflected, as initials, as another spelling of one value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from truthmap.grading.alias_mentions import AliasMention
from truthmap.grading.dates import find_dates, same_date
from truthmap.grading.numbers import equal_numbers, find_numbers
from truthmap.grading.person_names import same_person
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.tokens import Token, tokenize
from truthmap.grading.word_forms import same_stem, same_word
from truthmap.records import Question, Span

_ARTICLES = frozenset(("a", "an", "the", "of", "'", "’", "s", "."))
_WHO = frozenset(["who", "whom", "whose", "wer", "qui", "quién", "quien", "quem", "chi", "кто"])
_WINDOW = 14
"""Words in which the words of a description stand together."""
_LONGEST_PHRASE = 8


def other_forms(reading: Reading, question: Question, low: int, high: int) -> Iterator[AliasMention]:
    """Yield the places between two characters that say an accepted answer in another form."""
    first, last = reading.tokens_of(low, high)
    asked = frozenset(token.norm for token in tokenize(question.text) if token.word)
    for alias in dict.fromkeys(question.accepted):
        reading.budget.check()
        wanted = [token for token in tokenize(alias) if token.word]
        if not wanted or len(wanted) > _LONGEST_PHRASE:
            continue
        yield from _values(reading, alias, wanted)
        yield from _inflected(reading, alias, wanted, first, last, asked)
        if _WHO & asked:
            yield from _persons(reading, alias, wanted, first, last, asked)
        yield from _described(reading, alias, wanted, first, last)


def _values(reading: Reading, alias: str, wanted: Sequence[Token]) -> Iterator[AliasMention]:
    """Yield the dates and numbers that are the accepted one."""
    dates = list(find_dates(alias))
    if dates:
        yield from (
            AliasMention(Span(d.start, d.end), alias) for d in find_dates(reading.text) if same_date(d, dates[0])
        )
        return
    numbers = find_numbers(alias)
    whole = len(numbers) == 1 and sum(character.isalnum() for character in alias) == sum(
        character.isalnum() for character in alias[numbers[0].start : max(numbers[0].end, numbers[0].unit_end)]
    )
    if whole and wanted:
        for number in find_numbers(reading.text, reading.language.code):
            if equal_numbers(number, numbers[0]):
                yield AliasMention(Span(number.start, number.end), alias)


def _inflected(
    reading: Reading, alias: str, wanted: Sequence[Token], first: int, last: int, asked: frozenset[str]
) -> Iterator[AliasMention]:
    """Yield the places where the accepted words follow each other, some with endings."""
    words = [(index, token) for index, token in enumerate(reading.tokens[first:last], first) if token.word]
    needed = [token for token in wanted if token.norm not in ("a", "an", "the")] or list(wanted)
    for place in range(len(words) - len(needed) + 1):
        run = words[place : place + len(needed)]
        if all(_same(reading, token, want) for (_, token), want in zip(run, needed, strict=True)):
            known = all(token.norm in asked for _, token in run)
            if not known:
                yield AliasMention(Span(run[0][1].start, run[-1][1].end), alias)


def _same(reading: Reading, said: Token, wanted: Token) -> bool:
    if not wanted.norm[0].isalpha():
        return said.norm == wanted.norm
    if len(wanted.norm) < 3 and wanted.norm.isascii():
        return False
    return same_word(said.norm, wanted.norm, reading.language.code, name=wanted.capital)


def _persons(
    reading: Reading, alias: str, wanted: Sequence[Token], first: int, last: int, asked: frozenset[str]
) -> Iterator[AliasMention]:
    """Yield the names that can be the wanted person's: the last name alone, or with initials."""
    names = [token.norm for token in wanted]
    if not 2 <= len(names) <= 5 or not all(
        token.capital or token.norm in ("de", "da", "van", "von", "der", "di") for token in wanted
    ):
        return
    for index in range(first, last):
        token = reading.tokens[index]
        if token.norm != names[-1] or not token.capital or token.norm in asked:
            continue
        start = index
        while start > first and (
            reading.tokens[start - 1].capital
            or (reading.tokens[start - 1].norm == "." and start > first + 1 and reading.tokens[start - 2].capital)
        ):
            start -= 1
        said = [t.norm for t in reading.tokens[start : index + 1] if t.word]
        follows = index + 1 < last and reading.tokens[index + 1].capital and reading.tokens[index + 1].word
        while said and len(said) > 1 and said[0] in reading.language.glue | _TITLES:
            said = said[1:]
        if same_person(said, names) and not follows:
            yield AliasMention(Span(reading.tokens[start].start, token.end), alias)


_TITLES = frozenset(
    [
        "president",
        "mr",
        "mrs",
        "dr",
        "sir",
        "king",
        "queen",
        "general",
        "professor",
        "author",
        "poet",
        "actor",
        "it",
        "by",
    ]
)


def _described(reading: Reading, alias: str, wanted: Sequence[Token], first: int, last: int) -> Iterator[AliasMention]:
    """Yield the places that say all words of a description, in whatever order: "the gravitational pull of the Moon"."""
    content = [
        token.norm for token in wanted if token.norm not in _ARTICLES and token.norm not in reading.language.glue
    ]
    described = len(content) >= 2 and any(
        not token.capital for token in wanted if token.norm in content and token.norm.isalpha()
    )
    if not described or not all(word.isalpha() and word.isascii() for word in content):
        return
    words = [(index, token) for index, token in enumerate(reading.tokens[first:last], first) if token.word]
    places = [(index, next((word for word in content if same_stem(token.norm, word)), None)) for index, token in words]
    hits = [
        (index, word) for index, word in places if word is not None and reading.stance(index, index + 1) is Stance.SAID
    ]
    for start in range(len(hits)):
        window = [hit for hit in hits[start : start + _WINDOW] if hit[0] - hits[start][0] < _WINDOW]
        if len({word for _, word in window}) == len(content):
            yield AliasMention(Span(reading.tokens[window[0][0]].start, reading.tokens[window[-1][0]].end), alias)
            return
