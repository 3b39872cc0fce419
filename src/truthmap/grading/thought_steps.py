"""The steps of a thought: its paragraphs; of one that has a single one, its lines; of a single line, its sentences."""

from __future__ import annotations

import re
from bisect import bisect_left

from truthmap.grading.sentences import sentences_of
from truthmap.grading.tokens import tokenize
from truthmap.records import Answer, Part

_PARAGRAPH, _LINE = re.compile(r"\n[^\S\n]*\n\s*"), re.compile(r"\n\s*")


def step_ends(text: str) -> list[int]:
    """Return where the steps of a thought end: one past the last character of each, white space aside.

    >>> step_ends("12 times 7 is 84. So it is 84.")
    [17, 30]
    """
    text = text.rstrip()
    for divider in (_PARAGRAPH, _LINE):
        found = [match.start() for match in divider.finditer(text)]
        if found:
            return [len(text[:end].rstrip()) for end in (*found, len(text)) if text[:end].strip()]
    tokens = tokenize(text)
    return [tokens[end - 1].end for _, end in sentences_of(tokens)]


def step_tokens(answer: Answer, thought: Part) -> list[int]:
    """Return which of an answer's tokens end the steps of its thought, each once, ascending."""
    if thought.tokens is None or thought.characters is None:
        return []
    first = thought.characters.start
    starts = [start for start, _ in answer.offsets]
    ends = step_ends(answer.text[first : thought.characters.end])
    found = (bisect_left(starts, first + end) - 1 for end in ends)
    return sorted({min(max(token, thought.tokens.start), thought.tokens.end - 1) for token in found})
