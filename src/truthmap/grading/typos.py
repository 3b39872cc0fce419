"""Names with a typing error: told by an edit distance that is the same for every name, accepted or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from truthmap.grading.mentions import Candidates, Mention
from truthmap.grading.reading import Reading
from truthmap.grading.tokens import Token, words_of
from truthmap.text import normalized

SHORTEST, LONG = 6, 12
"""Letters of a word from which on one edit, and from which on two, make no other name."""
_ENDS = 2
"""Letters at the beginning or at the end that are the same in both."""


def typo_mentions(reading: Reading, question: str, candidates: Candidates) -> Iterator[Mention]:
    """Yield where a text names a candidate with a typing error; what may be two candidates' name names none of them.

    A word of 6 letters or more may differ by one edit, of 12 or more by two: a letter more, less, another, or two
    swapped.
    """
    asked = frozenset(words_of(question))
    words = [token for token in reading.tokens if token.word]
    names = [(normalized(name), index) for index, all_names in enumerate(candidates) for name in all_names]
    longest = max((len(name.split()) for name, _ in names), default=0)
    reached = 0
    for place, token in enumerate(words):
        reading.budget.check()
        if token.start < reached or token.norm in asked or not token.capital:
            continue
        for length in range(longest, 0, -1):
            run = words[place : place + length]
            things = {index for name, index in names if len(run) == length and _is_typo(run, name)}
            if len(things) == 1:
                yield Mention(run[0].start, run[-1].end, " ".join(word.norm for word in run), (things.pop(),))
                reached = run[-1].end
                break


def edit_distance(one: str, other: str) -> int:
    """Return the least number of letters to add, drop, change or swap with the next one (optimal string alignment).

    >>> edit_distance("shakspeare", "shakespeare"), edit_distance("teh", "the")
    (1, 1)
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        above, row, older = row, [i], before
        for j, wanted in enumerate(other, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]


def _is_typo(run: Sequence[Token], name: str) -> bool:
    """Return whether words are a name with a typing error: at least one, and in no short word."""
    wanted = name.split()
    if len(run) != len(wanted):
        return False
    edits = [_edits(word.norm, part) for word, part in zip(run, wanted, strict=True)]
    return None not in edits and any(edits)


def _edits(said: str, wanted: str) -> int | None:
    """Return the edits between two words; `None` where they are too many for the word's length."""
    if said == wanted:
        return 0
    allowed = 0 if len(wanted) < SHORTEST else 1 if len(wanted) < LONG else 2
    if not allowed or abs(len(said) - len(wanted)) > allowed:
        return None
    if said[:_ENDS] != wanted[:_ENDS] and said[-_ENDS:] != wanted[-_ENDS:]:
        return None
    edits = edit_distance(said, wanted)
    return edits if edits <= allowed else None
