"""What an answer that names two candidates says of them: that one is more or less, or only what each of them is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from truthmap.grading.decision import Named
from truthmap.grading.lexicon import Sign
from truthmap.grading.mentions import Mention
from truthmap.grading.numbers import find_numbers
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.tokens import Token, tokenize

# One row for each scale: the words at its upper end, the words at its lower end.
_SCALES = (
    (
        "more most larger largest bigger biggest greater greatest higher highest",
        "less least fewer fewest smaller smallest lower lowest",
    ),
    ("older oldest", "younger youngest newer newest"),
    ("longer longest", "shorter shortest"),
    ("taller tallest", "shorter shortest smaller smallest"),
    ("heavier heaviest", "lighter lightest"),
    ("faster fastest quicker quickest", "slower slowest"),
    ("hotter hottest warmer warmest", "colder coldest cooler coolest"),
    ("deeper deepest", "shallower shallowest"),
    ("wider widest broader broadest", "narrower narrowest"),
    ("richer richest wealthier wealthiest", "poorer poorest"),
    ("earlier earliest first sooner", "later latest last"),
    ("closer closest nearer nearest", "farther farthest further furthest"),
    ("better best", "worse worst"),
    ("stronger strongest", "weaker weakest"),
    ("harder hardest", "softer softest easier easiest"),
    ("northern northernmost", "southern southernmost"),
)
_UPPER = tuple(frozenset(upper.split()) for upper, _ in _SCALES)
_LOWER = tuple(frozenset(lower.split()) for _, lower in _SCALES)
_COUNTED = (0, 2, 3, 4, 7, 8, 9)
"""Scales on which the larger of two numbers is the upper one."""
# "as large as" compares on the scale of "larger".
_PLAIN = {
    "large": "larger", "big": "larger", "many": "more", "much": "more", "populous": "more",
    "old": "older", "long": "longer",
    "tall": "taller", "heavy": "heavier", "fast": "faster", "hot": "hotter", "warm": "hotter",
    "deep": "deeper", "high": "higher",
    "wide": "wider", "rich": "richer", "early": "earlier", "close": "closer", "good": "better", "strong": "stronger",
    "small": "smaller", "young": "younger", "short": "shorter", "light": "lighter", "slow": "slower", "cold": "colder",
    "few": "fewer", "great": "greater", "populated": "more", "hard": "harder",
}  # fmt: skip
_CONCESSIONS = frozenset(("although", "though", "while", "despite"))
_KINDS_OF_PLACE = frozenset(
    ("city", "town", "capital", "village", "located", "situated", "country", "state", "province", "municipality")
)
_IN = frozenset(("in", "on", "for"))
_APART = (Sign.ASIDE, Sign.CONTRASTS)
# Not "the largest city in China": that compares with others than the candidates.
_COMPARES = re.compile(
    r"\b(?:than|compared|comparison|more|larger|bigger|greater|higher|better|less|fewer|smaller|lower|worse|same|equal|"
    r"(?:most|largest|biggest|greatest|highest)(?!(?: \w{1,30}){0,3} (?:in|of|on|for) (?:the|its|this|their)\b))\b",
    re.IGNORECASE,
)
# An answer may be cut off at any word.
_DESCRIBED = re.compile(
    r"[\"'*_`]{0,8}(?:,[^,.;\n]{1,40},)?\s{0,8}"
    r"(?:$|(?:is|was|has|had)(?:$|\s{1,8}(?!(?:not|the (?:one|answer|correct|right))\b)))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison chooses: the candidate's index, and where it is named, if it is."""

    thing: int
    mention: Mention | None


def only_describes(reading: Reading, named: Sequence[Named], question: str) -> bool:
    """Return whether an answer only says of each candidate by itself what it is: "X is in India, while Y is in Spain".

    Each that it names opens a clause that tells about it; nothing compares them. An answer that names one alone
    describes it where the question compares and it does no more than say what that one is: "X is a city in Peru".
    """
    if _COMPARES.search(reading.text):
        return False
    things = {each.mention.things for each in named}
    subjects = {
        each.mention.things
        for each in named
        if reading.opens_clause(each.first) and _DESCRIBED.match(reading.text, each.mention.end)
    }
    if len(things) > 1 and things == subjects:
        return True
    rest = [each for each in named if each.mention.things not in subjects]
    inside = all(reading.tokens[each.first - 1].norm in ("of", "in", "to", "the") for each in rest if each.first)
    one = len(subjects) == 1 and inside and _asked_scale(question) is not None
    return one and _tells_what_it_is(reading, named[0])


def _tells_what_it_is(reading: Reading, named: Named) -> bool:
    """Return whether a kind of place follows: "is a city in Peru", "is the capital of Peru", "is located in Peru"."""
    _, high = reading.sentence_of(named.first)
    return any(token.norm in _KINDS_OF_PLACE for token in reading.tokens[named.last : min(high, named.last + 8)])


def compared(reading: Reading, question: str, named: Sequence[Named]) -> Compared | None:
    """Return what an answer about two candidates chooses by comparing them; `None` where it does not compare.

    "Bern is smaller than Rome" and "Bern is not as large as Rome" choose Rome where the question asks for more, "Of the
    two, Bern is the smaller city" does without naming it; "Bern has 0.1 million inhabitants, Rome 2.8 million" chooses
    by the numbers.
    """
    scale = _asked_scale(question)
    if scale is None:
        return None
    for index, token in enumerate(reading.tokens):
        side = _side(reading.tokens, index, scale[0])
        reading.budget.check()
        if side is None or _is_of_others(reading.tokens, index):
            continue
        subject = _subject(reading, named, index)
        if subject is None or _concedes(reading, subject):
            continue
        negated = _negated(reading, subject, index)
        equal = token.norm in _PLAIN and not negated
        if not equal:
            return _chosen(named, subject, agrees=(side == scale[1]) != negated)
    return _by_numbers(reading, named, scale)


def _asked_scale(question: str) -> tuple[int, bool] | None:
    """Return the scale that a question asks on, and whether for its upper end."""
    words = [token.norm for token in tokenize(question)]
    for place, (upper, lower) in enumerate(zip(_UPPER, _LOWER, strict=True)):
        if any(word in upper for word in words):
            return place, True
        if any(word in lower for word in words):
            return place, False
    return None


def _side(tokens: Sequence[Token], index: int, scale: int) -> bool | None:
    """Return whether the word stands at the upper end of a scale; `None` if it is not on it."""
    norm = tokens[index].norm
    if norm in _PLAIN and index > 0 and tokens[index - 1].norm in ("as", "so"):
        norm = _PLAIN[norm]
    if norm in _UPPER[scale]:
        return True
    return False if norm in _LOWER[scale] else None


def _is_of_others(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a superlative compares with others than the candidates: "the largest city in China"."""
    if not tokens[index].norm.endswith("st"):
        return False
    return any(token.norm in _IN for token in tokens[index + 1 : index + 5]) or (
        index > 0 and tokens[index - 1].norm in ("second", "third", "fourth", "fifth", "s")
    )


def _subject(reading: Reading, named: Sequence[Named], index: int) -> Named | None:
    """Return the mention that the word at `index` is said of: the last before it, else one that follows."""
    low, high = reading.sentence_of(index)
    before = [each for each in named if low <= each.first and each.last <= index]
    while before:
        subject = before[-1]
        between = {mark.sign for mark in reading.sign_at[subject.last : index] if mark is not None}
        against = _is_against(subject, low)
        if against or (between & set(_APART) and reading.tokens[index].norm != "as"):
            before = before[:-1] if against else []
            continue
        return subject
    after = [each for each in named if index < each.first < high]
    if not after:
        return None
    marks = {mark.sign for mark in reading.sign_at[index : after[0].first] if mark is not None}
    return after[0] if Sign.VERB in marks and not marks & {Sign.AGAINST, *_APART} else None


def _concedes(reading: Reading, subject: Named) -> bool:
    """Return whether the clause only concedes something: "Although X rises more from its base, Y …"."""
    low, _ = reading.sentence_of(subject.first)
    return any(token.norm in _CONCESSIONS for token in reading.tokens[max(low, subject.first - 3) : subject.first])


def _is_against(named: Named, low: int) -> bool:
    return named.stance is Stance.AGAINST and named.first >= low


def _negated(reading: Reading, subject: Named, index: int) -> bool:
    low, high = sorted((subject.last, index))
    marks = {mark for mark in reading.sign_at[low : max(high, low)] if mark is not None and mark.sign is Sign.NEGATES}
    return len(marks) % 2 == 1


def _chosen(named: Sequence[Named], subject: Named, *, agrees: bool) -> Compared | None:
    thing = subject.mention.things[0]
    if agrees:
        return Compared(thing, subject.mention)
    other = 1 - thing
    behind = [each for each in named if each.mention.things == (other,) and each.first > subject.first]
    ahead = [each for each in named if each.mention.things == (other,)]
    return Compared(other, next(iter([*behind, *ahead]), subject).mention if behind or ahead else None)


def _by_numbers(reading: Reading, named: Sequence[Named], scale: tuple[int, bool]) -> Compared | None:
    """Choose by the numbers that follow the two candidates, each in its own clause."""
    if scale[0] not in _COUNTED:
        return None
    numbers = find_numbers(reading.text)
    said: dict[int, tuple[Named, object]] = {}
    for each, after in pairwise([*named, None]):
        assert each is not None
        end = after.mention.start if after is not None else len(reading.text)
        sentence_end = reading.tokens[reading.sentence_of(each.last - 1)[1] - 1].end
        inside = [n for n in numbers if each.mention.end <= n.start and n.end <= min(end, sentence_end)]
        if inside and each.mention.things[0] not in said:
            said[each.mention.things[0]] = (each, inside[0])
    if set(said) != {0, 1}:
        return None
    (one, first), (other, second) = said[0], said[1]
    if first.unit != second.unit or first.value == second.value:  # type: ignore[attr-defined]
        return None
    larger = one if first.value > second.value else other  # type: ignore[attr-defined]
    chosen = larger if scale[1] else (other if larger is one else one)
    return Compared(chosen.mention.things[0], chosen.mention)
