"""Telling thought from answer while an answer is written, token by token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from truthmap.lm.model import LanguageModel
from truthmap.thought_formats import TagPair

_LONGEST_TAG = 80
"""Characters that a tag may have; what could begin one is kept back until it is known."""
_QUOTES = ("`", '"', "'", "“", "«")
"""Behind one of these a tag is spoken of."""
_BEGINS_A_TAG = frozenset("<[◁")


class Gained(NamedTuple):
    """What a token added to the thought and to the answer outside it."""

    thought: str
    answer: str


class ThoughtStream:
    """Sorts what an answer gains into its thought and the rest; tags are in neither.

    The record of the complete answer decides what is graded; here each tag counts that is a token of its own or begins
    a line.
    """

    def __init__(self, lm: LanguageModel, prompt_ids: Sequence[int]) -> None:
        self._names = lm.thought_tags.tokens.unwritten
        self._own = self._names.keys() | lm.thought_tags.tokens.written
        self._pairs = [pair for pair in lm.thought_tags.tokens.formats.pairs if not pair.bare]
        self._open: TagPair | None = lm.thought_tags.prompt_end(prompt_ids).inside
        self._text = ""  # what is not sorted yet, control tokens written out
        self._shown: list[bool] = []  # of each of its characters: whether it stands in the answer's text
        self._own_at: list[bool] = []  # and whether a token wrote it that may be a tag by itself
        self._at_line_start = True
        self._n_kept = 0  # how many of its characters were kept back with the newest token
        self._said = ""  # the character before it
        self._may_repeat = self._open is not None  # its opening tag stands in the prompt, and nothing has come yet
        self._is_fresh = False  # nothing but white space has come since the last tag

    @property
    def is_thinking(self) -> bool:
        """Whether a thought is open."""
        return self._open is not None

    @property
    def n_kept(self) -> int:
        """How many of the newest characters may yet become a tag, control tokens written out."""
        return self._n_kept

    def take(self, token: int, gained: str, *, last: bool = False) -> Gained:
        """Take in a token and the text that it added; return what is sure now, everything with the last one."""
        name = self._names.get(token)
        piece = gained if name is None else name
        self._text += piece
        self._shown.extend([name is None] * len(piece))
        self._own_at.extend([token in self._own] * len(piece))
        thought, answer = "", ""
        self._drop_repeated_tag()
        while True:
            found = self._next_tag()
            if found is None:
                break
            before = self._cut(found.start(), found.end())
            thought, answer = (thought + before, answer) if self._open is not None else (thought, answer + before)
            self._open, self._is_fresh = self._pair_of(found) if self._open is None else None, True
        kept = self._n_kept = 0 if last else self._kept_back()
        rest = self._cut(len(self._text) - kept, len(self._text) - kept)
        thought, answer = (thought + rest, answer) if self._open is not None else (thought, answer + rest)
        self._may_repeat = self._may_repeat and not thought.strip()
        return Gained(thought, answer)

    def _next_tag(self) -> re.Match[str] | None:
        """Return the first tag that changes what is written: one that closes a thought, or opens one."""
        if self._open is not None:
            return self._open.closing_tag.search(self._text)
        found = ((pair.either_tag if pair.answers else pair.opening_tag).search(self._text) for pair in self._pairs)
        meant = [match for match in found if match is not None and self._is_meant(match)]
        return min(meant, key=lambda match: match.start(), default=None)

    def _drop_repeated_tag(self) -> None:
        """Drop the opening tag with which an answer begins whose prompt has opened its thought already."""
        if self._open is None or not self._may_repeat:
            return
        found = self._open.opening_tag.match(self._text, len(self._text) - len(self._text.lstrip()))
        if found is not None:
            self._cut(found.start(), found.end())
            self._may_repeat, self._is_fresh = False, True

    def _pair_of(self, match: re.Match[str]) -> TagPair | None:
        """Return the pair whose opening tag a match is; `None` where it closes what was never open."""
        return next((pair for pair in self._pairs if pair.opening_tag.fullmatch(match.group())), None)

    def _is_meant(self, match: re.Match[str]) -> bool:
        if (self._said + self._text[: match.start()])[-1:] in _QUOTES:
            return False
        line = self._text[: match.start()].rpartition("\n")
        begins = not line[2].strip() and (bool(line[1]) or self._at_line_start)
        return begins or any(self._own_at[match.start() : match.end()])

    def _kept_back(self) -> int:
        """Return how many of the last characters could begin a tag."""
        first = max(0, len(self._text) - _LONGEST_TAG)
        starts = [at for at in range(first, len(self._text)) if self._could_be_tag(self._text[at:].casefold())]
        return len(self._text) - starts[0] if starts else 0

    def _could_be_tag(self, tail: str) -> bool:
        return tail[0] in _BEGINS_A_TAG and any(pair.may_begin(tail) for pair in self._pairs)

    def _cut(self, start: int, end: int) -> str:
        """Take the text up to `end` away; return what of it stands in the answer's text before `start`."""
        shown = "".join(letter for letter, is_shown in zip(self._text[:start], self._shown, strict=False) if is_shown)
        if end:
            self._said = self._text[end - 1]
            last = self._text[:end].rpartition("\n")
            self._at_line_start = not last[2].strip() and (bool(last[1]) or self._at_line_start)
        self._text, self._shown, self._own_at = self._text[end:], self._shown[end:], self._own_at[end:]
        shown = shown.lstrip() if self._is_fresh else shown
        self._is_fresh = self._is_fresh and not shown
        return shown
