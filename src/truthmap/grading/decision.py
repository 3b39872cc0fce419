"""Which of the things that an answer names it gives as its answer; blind to which of them is accepted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from truthmap.grading.lexicon import Sign
from truthmap.grading.mentions import Mention
from truthmap.grading.reading import Reading, Stance, glue_between
from truthmap.grading.tokens import words_of

UNDECIDED = "undecided"
"""Why an answer is unscored that names several answers and chooses none."""
_BULLETS = frozenset("-*•–—·")
_ITEM_ENDS = frozenset("*_`.,;)\"'")
_LONGEST_GAP = 16
"""Words between "so" and what it draws, at most."""
JOINS = (Sign.OR, Sign.AND, Sign.EITHER)
"""What joins the members of a list that leaves open which of them is the answer."""
# What may stand between "so" and the answer that it draws.
_THIN = frozenset(
    [
        "answer",
        "correct",
        "option",
        "choice",
        "right",
        "city",
        "country",
        "must",
        "we",
        "have",
        "say",
        "i",
        "choose",
        "pick",
        "would",
        "best",
        "final",
        "think",
        "be",
        "only",
        "left",
        "remaining",
        "to",
        "conclude",
        "can",
        "my",
        "which",
        "leaves",
        "clear",
        "clearly",
        "true",
        "it's",
        "label",
        "state",
        "statement",
        "result",
        "conclusion",
    ]
)


@dataclass(frozen=True, slots=True)
class Named:
    """Something that an answer names: where, and what the answer does with it.

    Attributes:
        mention: The place and what it names.
        first: Its first token.
        last: One past its last token.
        stance: What the answer does with it.
    """

    mention: Mention
    first: int
    last: int
    stance: Stance


@dataclass(frozen=True, slots=True)
class Decision:
    """What an answer decides on: the mention, or `None`; `undecided` where it leaves several open."""

    mention: Mention | None
    undecided: bool = False


def place_mentions(reading: Reading, mentions: Sequence[Mention]) -> list[Named]:
    """Return the mentions with what the answer does with each."""
    named = []
    for mention in mentions:
        first, last = reading.tokens_of(mention.start, mention.end)
        named.append(Named(mention, first, last, reading.stance(first, last)))
    return _withdrawn(reading, _inherited(reading, named))


def decide(reading: Reading, named: Sequence[Named], question: str = "", joins: Sequence[Sign] = JOINS) -> Decision:
    """Return which mention is the answer.

    That is the first that the answer says and does not deny, compare with, or take back; the one that it concludes
    with, where it draws a conclusion. Where that one stands in a list of several ("X or Y", "X and Y") the first
    outside it decides; if there is none, the answer is undecided. Something that is only supposed or asked counts where
    nothing else is named.
    """
    said = [each for each in named if each.stance is Stance.SAID]
    if not said:
        unsure = [each for each in named if each.stance in (Stance.SUPPOSED, Stance.ASKED)]
        if len({each.mention.things for each in unsure}) == 1:
            return Decision(unsure[0].mention)
        return Decision(None, undecided=len({each.mention.things for each in unsure}) > 1)
    pool = concluding(reading, said, question) or said
    listed = lists(reading, named, joins)
    head = pool[0]
    if head.first not in listed:
        return Decision(head.mention)
    later = next((each for each in pool if each.first not in listed and each.first > head.first), None)
    return Decision(None, undecided=True) if later is None else Decision(later.mention)


def concluding(reading: Reading, said: Sequence[Named], question: str = "") -> list[Named]:
    """Return what is said from the last conclusion on, such as "so it is X"; nothing where none is drawn."""
    asked = frozenset(words_of(question))
    firsts = [each.first for each in said]
    for mark in reversed(reading.marks):
        if mark.sign not in (Sign.CONCLUDES, Sign.ANSWERS):
            continue
        place = bisect_left(firsts, mark.end)
        if place == len(said):
            continue
        drawn = said[place]
        if mark.sign is Sign.ANSWERS and reading.sentence_of(drawn.first)[0] <= mark.end:
            return list(said[place:])
        if mark.sign is Sign.CONCLUDES and _opens(reading, mark.start) and _is_thin(reading, mark.end, drawn, asked):
            return list(said[place:])
    return []


def lists(reading: Reading, named: Sequence[Named], joins: Sequence[Sign] = JOINS) -> frozenset[int]:
    """Return the first tokens of the mentions in lists of different things: joined by commas, and once by or, and."""
    listed: set[int] = set()
    for run in _runs(reading, named, joins):
        if len({each.mention.things for each in run}) > 1:
            listed.update(each.first for each in run)
    return frozenset(listed)


def _runs(reading: Reading, named: Sequence[Named], joins: Sequence[Sign] = JOINS) -> list[list[Named]]:
    """Return the runs of mentions with only commas, conjunctions and glue between them, a conjunction at least once."""
    return [run for run, joined in _all_runs(reading, named, joins) if joined]


def _all_runs(reading: Reading, named: Sequence[Named], joins: Sequence[Sign]) -> list[tuple[list[Named], bool]]:
    """Return the runs of mentions with only commas, conjunctions and glue between them, and whether one joins them."""
    found: list[tuple[list[Named], bool]] = []
    for each in named:
        run, joined = found[-1] if found else ([], False)
        join = _join(reading, run[-1], each, joins) if run else None
        if join is None:
            found.append(([each], False))
            continue
        letters = len(each.mention.name) == len(run[-1].mention.name) == 1
        run.append(each)
        found[-1] = (run, joined or letters or join != ",")
    return found


def _join(reading: Reading, one: Named, other: Named, joins: Sequence[Sign]) -> str | None:
    """Return what joins two mentions that follow each other: a conjunction, a comma; `None` where more is between."""
    between = reading.tokens[one.last : other.first]
    if len(between) > 6 or not between:
        return None
    if _is_bullet(reading, one.last, other.first):
        return "bullet"
    marks = {reading.sign_at[index] for index in range(one.last, other.first)}
    if any(mark is not None and mark.sign is Sign.VERB for mark in marks):
        return None
    if any(
        mark is not None and mark.sign is Sign.NEGATES and reading.tokens[mark.start].norm == "nor" for mark in marks
    ):
        return "nor"
    sign = glue_between(reading, one.last, other.first, joins)
    if sign is not None:
        return str(sign)
    commas = any(token.norm in (",", "，", "、", "،") for token in between)
    return "," if commas and _is_glue_or_direction(reading, one.last, other.first) else None


def _is_glue_or_direction(reading: Reading, start: int, end: int) -> bool:
    """Return whether only glue stands in the tokens, and where something lies: "Egypt to the south, Libya to the …"."""
    directions = ("north", "south", "east", "west")
    return all(
        (reading.is_glue(index, index + 1) and reading.tokens[index].norm != "in")
        or reading.tokens[index].norm.startswith(directions)
        for index in range(start, end)
    )


def _is_bullet(reading: Reading, start: int, end: int) -> bool:
    """Return whether only a line's end and a bullet or number stand in the tokens: the next item of a list."""
    norms = [token.norm for token in reading.tokens[start:end]]
    if "\n" not in norms:
        return False
    bullet = norms[norms.index("\n") + 1 :]
    before = norms[: norms.index("\n")]
    marked = any(norm in _BULLETS or norm.isdigit() or len(norm) == 1 for norm in bullet)
    return (
        marked
        and all(not norm[0].isalpha() or len(norm) == 1 for norm in bullet)
        and all(n in _ITEM_ENDS for n in before)
    )


def _inherited(reading: Reading, named: list[Named]) -> list[Named]:
    """Give the members of a list the stance of its first: "not France, Spain or Italy"."""
    stances = {}
    for run, joined in _all_runs(reading, named, JOINS):
        first = run[0].stance
        if first is Stance.NEAR or (joined and first in (Stance.DENIED, Stance.AGAINST, Stance.SUPPOSED)):
            stances.update({each.first: first for each in run if each.stance is Stance.SAID})
    return [replace(each, stance=stances.get(each.first, each.stance)) for each in named]


def _withdrawn(reading: Reading, named: list[Named]) -> list[Named]:
    """Take back what was said before a correction, where something else is said behind it."""
    last = max((each.first for each in named if each.stance is Stance.SAID), default=-1)
    reached = max((mark.start for mark in reading.marks if mark.sign is Sign.CORRECTS and mark.end <= last), default=0)
    return [
        replace(each, stance=Stance.WITHDRAWN) if each.first < reached and each.stance is Stance.SAID else each
        for each in named
    ]


def _opens(reading: Reading, start: int) -> bool:
    """Return whether a clause begins at the token: "…, so", not "is so large"."""
    if start == 0:
        return True
    mark = reading.sign_at[start - 1]
    return not reading.tokens[start - 1].word or (mark is not None and mark.sign in (Sign.AND, Sign.CONTRASTS))


def _is_thin(reading: Reading, start: int, named: Named, asked: frozenset[str]) -> bool:
    if named.first - start > _LONGEST_GAP or reading.sentence_of(named.first)[0] > start:
        return False
    return all(
        token.norm in asked or token.norm in _THIN or reading.is_glue(index, index + 1) or token.norm == ":"
        for index, token in enumerate(reading.tokens[start : named.first], start)
    )
