"""What an answer that names two candidates says of them: that one is less, or only what each of them is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from truthmap.grading.mentions import Mention

_MORE = re.compile(r"\b(?:more|most|larger|largest|bigger|biggest|greater|greatest|higher|highest)\b", re.IGNORECASE)
_LESS = re.compile(r"\b(?:less|fewer|smaller|lower)\b", re.IGNORECASE)
_HELD_AGAINST = re.compile(r"\b(?:than|(?:compared|comparison) (?:to|with))\b", re.IGNORECASE)
# Not "the largest city in China": that compares with others than the candidates.
_COMPARES = re.compile(
    r"\b(?:than|compared|comparison|more|larger|bigger|greater|higher|better|less|fewer|smaller|lower|worse|same|equal|"
    r"(?:most|largest|biggest|greatest|highest)(?!(?: \w+){0,3} (?:in|of|on|for) (?:the|its|this|their)\b))\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"(?:^|[.,;:!?\n]|\b(?:while|whereas|and|but)\b)[\s\"'*_`]*(?:the )?(?:(?:city|town|name) of )?[\s\"'*_`]*$",
    re.IGNORECASE,
)
# An answer may be cut off at any word.
_DESCRIBED = re.compile(
    r"[\"'*_`]*(?:,[^,.;\n]{1,40},)?\s*(?:$|(?:is|was|has|had)(?:$|\s+(?!(?:not|the (?:one|answer|correct|right))\b)))",
    re.IGNORECASE,
)


def only_describes(text: str, mentions: Sequence[Mention]) -> bool:
    """Return whether an answer only says of each candidate by itself what it is: "X is in India, while Y is in Spain".

    It names two or more; each opens a clause that tells about it; nothing compares them.
    """
    if _COMPARES.search(text):
        return False
    named = {mention.things for mention in mentions}
    subjects = {
        mention.things
        for mention in mentions
        if _OPENING.search(text[: mention.start]) and _DESCRIBED.match(text, mention.end)
    }
    return len(named) > 1 and named == subjects


def less_than(text: str, question: str, mentions: Sequence[Mention]) -> dict[int, int]:
    """Return the mentions that an answer calls less than another, where the question asks for more.

    Returns:
        The index of each such mention, with the index of the one that it is held against, which the answer chooses: 0
        and 1 in "Bern is a smaller city compared to Rome".
    """
    if not _MORE.search(question) or _LESS.search(question):
        return {}
    found = {}
    for index, (one, other) in enumerate(pairwise(mentions)):
        between = text[one.end : other.start]
        if one.things != other.things and _LESS.search(between) and _HELD_AGAINST.search(between):
            found[index] = index + 1
    return found
