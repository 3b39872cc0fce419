"""Which number or date an answer gives as its answer; blind to which of them is accepted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from truthmap.grading.asked_kind import asks_year, of_asked_kind
from truthmap.grading.dates import Date, find_dates
from truthmap.grading.events import is_opposite_event
from truthmap.grading.lexicon import Sign
from truthmap.grading.numbers import Number, find_numbers
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.said_number import Said, is_range, ranged
from truthmap.grading.tokens import words_of

CUT_OFF = "cut off before it concludes"
_EQUATION = re.compile(r"[\s=+\-−–*×x·/÷%$€()a-zA-Z]{0,80}")
_OPERATOR = re.compile(r"[=+\-−*×·/÷]")
_RESULT = re.compile(r"(?:=|≈|\b(?:is|equals|makes|gives))\W{0,8}$")
_STEP = frozenset(("step", "question", "problem", "part", "q", "option", "section", "chapter", "figure"))


def concluding_number(reading: Reading, question: str, *, finished: bool) -> Said | None:
    r"""Return the number or date that an answer gives; `None` if it names none, or was cut off before.

    That is, in this order: the number that opens the answer ("204, that is 200 + 4"); the one after the last `####` or
    "the answer is" (the result, where an equation follows); what the answer concludes ("so he can buy 9 games"); where
    it repeats the question's own sum, the number it gives for it; where it states a fact without calculating, what its
    first sentence with a number says; else, where the model closed the answer itself, the last number of the last
    sentence that has one, numbers not in the question first. A date is one number, unless the question asks for the
    year.
    """
    text = reading.text
    dates = list(find_dates(text))
    numbers = _apart_from(find_numbers(text, reading.language.code), dates, years=asks_year(question))
    items = sorted([*(Said(number=n) for n in numbers), *_whole(dates, question)], key=lambda said: said.start)
    items = [item for item in items if not _is_label(reading, item)]
    items = _uncorrected(reading, items)
    if not items:
        return None
    asked = {number.value for number in find_numbers(question)}
    chosen = (
        _leading(reading, items)
        or _marked(reading, items, finished=finished)
        or _opening(reading, items, asked)
        or _stated(reading, items, question, asked, finished=finished)
        or _last(reading, _of_asked_event(reading, items, question), asked, finished=finished)
    )
    return None if chosen is None else ranged(text, items, chosen)


def _uncorrected(reading: Reading, items: list[Said]) -> list[Said]:
    """Return the numbers behind the last correction that gives one: "1400, or to be exact 1440"."""
    for mark in reversed(reading.marks):
        if mark.sign is Sign.CORRECTS:
            end = reading.tokens[mark.end - 1].end
            behind = [item for item in items if item.start >= end]
            if behind:
                return behind
    return items


def _apart_from(numbers: Sequence[Number], dates: Sequence[Date], *, years: bool) -> list[Number]:
    """Return the numbers that are no part of a date; of a date the year where the question asks for one."""
    kept = []
    place = 0
    for number in numbers:
        while place < len(dates) and dates[place].end <= number.start:
            place += 1
        inside = place < len(dates) and dates[place].start <= number.start
        if not inside:
            kept.append(number)
        elif years and number.start <= dates[place].year_start and dates[place].year:
            date = dates[place]
            kept.append(Number(date.year_start, date.year_end, Fraction(date.year), None, date.year_end))
            place += 1
    return kept


def _whole(dates: Sequence[Date], question: str) -> list[Said]:
    return [] if asks_year(question) else [Said(date=date) for date in dates]


def _is_label(reading: Reading, said: Said) -> bool:
    """Return whether a number only numbers something: `Step 1:`, `1.` at the start of a line of a list."""
    first, last = reading.tokens_of(said.start, said.end)
    before = reading.tokens[first - 1].norm if first else "\n"
    if before in _STEP:
        return True
    tokens = reading.tokens
    if before != "\n" or last - first != 1 or last + 1 >= len(tokens) or tokens[last].norm not in (".", ")"):
        return False
    return (
        tokens[last].start == said.end
        and tokens[last + 1].norm != "\n"
        and tokens[last + 1].start > tokens[last].end
        and said.end - said.start <= 2
    )


def _value(said: Said) -> Fraction | None:
    return None if said.number is None else said.number.value


def _leading(reading: Reading, items: Sequence[Said]) -> Said | None:
    """Return the number that opens the answer and stands by itself: "204", "42 years.", "204, that is …"."""
    said = items[0]
    first, last = reading.tokens_of(said.start, max(said.end, said.number.unit_end if said.number is not None else -1))
    if any(
        token.word
        for token in reading.tokens[:first]
        if token.norm not in ("about", "approximately", "around", "roughly", "a", "the", "it", "in", "on", "c")
    ):
        return None
    if any(mark is not None and mark.sign is Sign.NEGATES for mark in reading.sign_at[:first]):
        return None
    while last < len(reading.tokens) and reading.tokens[last].norm in (
        "*",
        "_",
        "`",
        "$",
        ")",
        "years",
        "year",
        "old",
        '"',
    ):
        last += 1
    if last >= len(reading.tokens) or reading.tokens[last].norm in ("\n", ".", ",", ";", "!", ":", "(", "。", "，"):
        return said
    mark = reading.sign_at[last]
    return (
        said
        if mark is not None and mark.sign in (Sign.OR, Sign.ASIDE) and not _OPERATOR.match(reading.tokens[last].norm)
        else None
    )


def _marked(reading: Reading, items: Sequence[Said], *, finished: bool) -> Said | None:
    """Return what stands behind the last "the answer is", or behind the last "so" that draws a number."""
    for sign in (Sign.ANSWERS, Sign.CONCLUDES) if finished else (Sign.ANSWERS,):
        for mark in reversed(reading.marks):
            if mark.sign is not sign or (sign is Sign.CONCLUDES and not _opens(reading, mark.start)):
                continue
            reading.budget.check()
            start = reading.tokens[mark.end - 1].end
            marked = _in_sentence(reading, start, items, further=sign is Sign.ANSWERS)
            marked = [
                item for item in marked if _stance(reading, item) not in (Stance.DENIED, Stance.AGAINST)
            ] or marked
            if marked and sign is Sign.CONCLUDES and not _follows_at_once(reading, mark.end, marked[0]):
                low, _ = reading.sentence_of(mark.end)
                return ([item for item in marked if not _is_aside(reading, item, low)] or marked)[-1]
            if marked:
                return _result(reading.text, marked)
    return None


def _follows_at_once(reading: Reading, start: int, said: Said) -> bool:
    first, _ = reading.tokens_of(said.start, said.end)
    return reading.is_glue(start, first)


def _opens(reading: Reading, start: int) -> bool:
    return start == 0 or not reading.tokens[start - 1].word or reading.tokens[start - 1].norm in ("and", "but")


def _opening(reading: Reading, items: Sequence[Said], asked: set[Fraction]) -> Said | None:
    """Return the result where the first sentence is a sum of the question's own numbers ("27 times 14 is 378.")."""
    first = _in_sentence(reading, 0, items)
    values = [_value(item) for item in first[:-1]]
    if not 1 <= len(asked) <= 2 or len(first) != len(asked) + 1 or set(values) != asked:
        return None
    between = reading.text[first[-2].end : first[-1].start]
    return first[-1] if _RESULT.search(between) else None


def _stated(
    reading: Reading, items: Sequence[Said], question: str, asked: set[Fraction], *, finished: bool
) -> Said | None:
    """Return what the first sentence with a number states, where neither the question nor the answer calculates."""
    if len(asked) > 1 or "=" in reading.text or reading.text.count("+") > 0:
        return None
    words = words_of(question)
    for low, high in reading.sentences:
        start, end = reading.tokens[low].start, reading.tokens[high - 1].end
        inside = [item for item in items if start <= item.start and item.end <= end]
        inside = [item for item in inside if _stance(reading, item) is Stance.SAID]
        if not inside or (not finished and high == len(reading.tokens)):
            continue
        inside = _of_event(reading, inside, words, low) or inside
        if is_opposite_event(words, [token.norm for token in reading.tokens[low:high]]):
            continue
        new = [item for item in inside if _value(item) not in asked] or inside
        main = [item for item in new if not _is_aside(reading, item, low)] or new
        return of_asked_kind(reading, main, question)
    return None


def _of_event(reading: Reading, items: Sequence[Said], words: Sequence[str], low: int) -> list[Said]:
    """Return the numbers of the clauses that do not tell of the opposite event: "began in 1939 and ended in 1945"."""
    kept = []
    for item in items:
        first, _ = reading.tokens_of(item.start, item.end)
        start = first
        while start > low and not _ends_clause(reading, start - 1):
            start -= 1
        if not is_opposite_event(words, [token.norm for token in reading.tokens[start:first]]):
            kept.append(item)
    return kept


def _ends_clause(reading: Reading, index: int) -> bool:
    mark = reading.sign_at[index]
    return reading.is_boundary(index) or (mark is not None and mark.sign in (Sign.AND, Sign.CONTRASTS, Sign.ASIDE))


def _is_aside(reading: Reading, said: Said, low: int) -> bool:
    """Return whether a number stands in a clause that begins with when, because, since."""
    first, _ = reading.tokens_of(said.start, said.end)
    for index in range(first - 1, low - 1, -1):
        mark = reading.sign_at[index]
        if mark is not None and mark.sign is Sign.ASIDE:
            return mark.start > low
        if reading.is_boundary(index):
            return False
    return False


def _of_asked_event(reading: Reading, items: Sequence[Said], question: str) -> list[Said]:
    """Return the numbers of the sentences that do not tell of the opposite event."""
    words = words_of(question)
    kept = []
    for item in items:
        low, high = reading.sentence_of(reading.tokens_of(item.start, item.end)[0])
        if not is_opposite_event(words, [token.norm for token in reading.tokens[low:high]]):
            kept.append(item)
    return kept


def _last(reading: Reading, items: Sequence[Said], asked: set[Fraction], *, finished: bool) -> Said | None:
    if not finished or not items:
        return None
    low, _ = reading.sentence_of(reading.tokens_of(items[-1].start, items[-1].end)[0])
    start = reading.tokens[low].start
    last = [item for item in items if item.start >= start]
    last = [item for item in last if _stance(reading, item) is Stance.SAID] or last
    return ([item for item in last if _value(item) not in asked] or last)[-1]


def _in_sentence(reading: Reading, start: int, items: Sequence[Said], *, further: bool = True) -> list[Said]:
    """Return the numbers of the sentence that goes on at `start`, or, `further`, of the next one that has any."""
    after = [item for item in items if item.start >= start]
    if not after:
        return []
    first, _ = reading.tokens_of(after[0].start, after[0].end)
    low, high = reading.sentence_of(first)
    if not further and reading.tokens[low].start > start:
        return []
    end = reading.tokens[high - 1].end
    return [item for item in after if item.end <= end]


def _stance(reading: Reading, said: Said) -> Stance:
    first, last = reading.tokens_of(said.start, said.end)
    return reading.stance(first, last)


def _result(text: str, marked: Sequence[Said]) -> Said:
    """Return the first of the numbers, or what the equation that begins with it comes to."""
    result = marked[0]
    for said in marked[1:]:
        between = text[result.end : said.start]
        if not _EQUATION.fullmatch(between) or not _OPERATOR.search(between):
            break
        if is_range(between):
            break
        result = said
    return result
