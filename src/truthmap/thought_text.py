"""Where a text thinks and where it answers: the tags that part them, and which of them are meant as tags.

A text may begin inside a thought whose opening tag stands in the prompt, hold several thoughts, thoughts within
thoughts, a thought that never closes, and tags that are only spoken of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from truthmap.thought_formats import FORMATS, TagPair

__all__ = ["KNOWN", "Formats", "ThoughtSpans", "find_thought"]


_WRAPPERS = re.compile(r"\s{0,99}(?:<\|START_(?:RESPONSE|TEXT)\|>|<response>|<\|begin_of_solution\|>)")
"""What some formats put before the final part."""
_ENDINGS = (
    *(f"<|{name}|>" for name in ("END_RESPONSE", "END_TEXT", "END_OF_TURN_TOKEN", "end_of_solution", "end", "return")),
    *(f"<|{name}|>" for name in ("call", "im_end", "eot_id", "endoftext")),
    *("</response>", "</s>", "<｜end▁of▁sentence｜>"),
)
"""What may close a whole text, where control tokens are written out."""
_SAID_BETWEEN = re.compile(r"\W*(?:and|or|to|und|et|y)?\W*")
"""What stands between two tags that are spoken of."""
_OPENING_QUOTES, _CLOSING_QUOTES = "\"'`“‘«„", "\"'`”’»“"


@dataclass(frozen=True)
class ThoughtSpans:
    """Where a text thinks and where it answers, as half-open ranges of its characters, tags in neither.

    Attributes:
        thought: From the first thought's start to the last one's end; `None`: it does not think.
        final: What answers; `None`: the text ends inside a thought.
        final_tag: The characters of the tag before it; `None` where it begins the text.
    """

    thought: tuple[int, int] | None
    final: tuple[int, int] | None
    final_tag: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Tag:
    start: int
    end: int
    opens: bool
    pair: TagPair


@dataclass(frozen=True)
class Formats:
    """Tag pairs with the one pattern that finds them all."""

    pairs: tuple[TagPair, ...]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        named = (f"(?P<o{n}>{p.opening})|(?P<c{n}>{p.closing})" for n, p in enumerate(self.pairs))
        return re.compile("|".join(named))

    def tags_in(self, text: str) -> list[_Tag]:
        """Return the tags that are meant as tags, in their order; those in quotation marks are spoken of."""
        found = []
        for match in self._pattern.finditer(text):
            kind = match.lastgroup
            assert kind is not None
            if not _is_quoted(text, match.start(), match.end()):
                found.append(_Tag(match.start(), match.end(), kind[0] == "o", self.pairs[int(kind[1:])]))
        return found


KNOWN = Formats(FORMATS)


def find_thought(
    text: str,
    formats: Formats = KNOWN,
    *,
    inside: TagPair | None = None,
    closed: bool = False,
    finished: bool = True,
    own: Iterable[tuple[int, int]] | None = None,
) -> ThoughtSpans:
    """Part a text into its thought and its final part.

    Args:
        text: What was written, its tags included.
        formats: The tags to look for.
        inside: The prompt ends with this pair's opening tag.
        closed: The prompt has closed the thought: a lone closing tag is spoken of.
        finished: The writer came to its end; a thought that opens late and does not close was cut off only where not.
        own: Where tags stand that are control tokens of the writer; where there are any, others are spoken of.
    """
    tags = formats.tags_in(text)
    ranges = list(own or ())
    meant = [tag for tag in tags if any(a < tag.end and tag.start < b for a, b in ranges)]
    tags = meant or tags
    if inside is not None:
        tags = [tag for tag in tags if tag.pair == inside]
    elif tags:
        tags = [tag for tag in tags if tag.pair == tags[0].pair]
    reading = _Reading(text, tags, finished=finished)
    first = reading.first_thought(inside=inside is not None, closed=closed)
    if first is None:
        return ThoughtSpans(None, _final(text, 0))
    begin, closing = first
    last = None if closing is None else reading.last_close(closing)
    if last is None:
        return ThoughtSpans((begin, len(text)), None)
    end, tag = last
    return ThoughtSpans((begin, end), _final(text, tag.end), (tag.start, tag.end))


class _Reading:
    """A text with its tags, of one pair, in their order."""

    def __init__(self, text: str, tags: Sequence[_Tag], *, finished: bool) -> None:
        self._text, self._tags, self._finished = text, tags, finished
        closing = [place for place, tag in enumerate(tags) if not tag.opens]
        self._n_closing, self._last_closing = len(closing), closing[-1] if closing else -1

    def first_thought(self, *, inside: bool, closed: bool) -> tuple[int, int | None] | None:
        """Return where the first thought begins and the place among the tags of the one that closes it.

        `None`: there is no thought. No place: it does not close.
        """
        if inside:
            return self._behind_repeated_tag(), self._closing_of(0, 1)
        for place, tag in enumerate(self._tags):
            if not tag.opens:
                if closed:
                    continue
                return 0, place
            closing = self._closing_of(place + 1, 1)
            at_start = not self._text[: tag.start].strip()
            if closing is None:
                # A tag in the midst of a text that came to its end is spoken of.
                if at_start or self._is_cut_at(tag):
                    return tag.end, None
                continue
            if not at_start and not closed and 2 * self._n_closing > len(self._tags):
                return 0, self._closing_of(place, 1)  # more close than open: the first one opened before the text
            if at_start or self._is_thought(tag, self._tags[closing]):
                return tag.end, closing
        return None

    def last_close(self, closing: int) -> tuple[int, _Tag] | None:
        """Go on from the tag that closes the first thought to the last one.

        Returns:
            Where the last thought ends, and the tag that closes it; `None`: another one opens behind and is cut off.
        """
        last, place = self._tags[closing], closing + 1
        end = last.start
        while place < len(self._tags):
            tag = self._tags[place]
            place += 1
            if not tag.opens:
                doubled = not self._text[last.end : tag.start].strip()
                if doubled or tag.pair.answers:
                    last, end = tag, end if doubled else tag.start
                continue
            closes = self._closing_of(place, 1)
            if closes is None:
                if self._is_cut_at(tag):
                    return None
                continue
            if self._is_thought(tag, self._tags[closes]):
                last, end = self._tags[closes], self._tags[closes].start
            place = closes + 1
        return end, last

    def _behind_repeated_tag(self) -> int:
        """Return where a thought begins whose opening tag stands in the prompt: behind that tag, if it is repeated."""
        first = self._tags[0] if self._tags else None
        return first.end if first is not None and first.opens and not self._text[: first.start].strip() else 0

    def _closing_of(self, place: int, depth: int) -> int | None:
        """Return which tag closes a thought that is `depth` deep before a place; where none does, the last closing one.

        `None`: no closing tag comes.
        """
        if place > self._last_closing:
            return None
        for n in range(place, self._last_closing + 1):
            if not self._tags[n].opens:
                depth -= 1
                if depth == 0:
                    return n
            elif self._tags[n].pair.nests:
                depth += 1
        return self._last_closing

    def _is_cut_at(self, opening: _Tag) -> bool:
        """Tell whether a text that is not finished was cut off in the thought that a tag opens."""
        return not self._finished and (opening.pair.answers or self._begins_a_line(opening))

    def _is_thought(self, opening: _Tag, closing: _Tag) -> bool:
        """Tell whether a pair of tags in the midst of a text holds a thought, or is only spoken of."""
        if opening.pair.answers or self._begins_a_line(opening):
            return True
        inner = self._text[opening.end : closing.start]
        return _SAID_BETWEEN.fullmatch(inner) is None and any(c.isalnum() for c in self._text[closing.end :])

    def _begins_a_line(self, tag: _Tag) -> bool:
        return not self._text[self._text.rfind("\n", 0, tag.start) + 1 : tag.start].strip()


def _final(text: str, start: int) -> tuple[int, int]:
    wrapper = _WRAPPERS.match(text, start)
    start = start if wrapper is None else wrapper.end()
    end = len(text)
    while True:
        bare = end
        while bare > start and text[bare - 1].isspace():
            bare -= 1
        ending = next((each for each in _ENDINGS if text.endswith(each, start, bare)), None)
        if ending is None:
            return start, end
        end = bare - len(ending)


def _is_quoted(text: str, start: int, end: int) -> bool:
    """Tell whether a tag stands in quotation marks or in a line's code span."""
    before, behind = text[start - 1 : start], text[end : end + 1]
    if before and behind and before in _OPENING_QUOTES and behind in _CLOSING_QUOTES:
        outer, after = text[start - 2 : start - 1], text[end + 1 : end + 2]
        return not outer.isalnum() and not after.isalnum()
    low, high = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line_end = len(text) if high < 0 else high
    return text.count("`", low, start) % 2 == 1 and "`" in text[end:line_end]
