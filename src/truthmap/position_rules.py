"""The grammar of positions: a rule names a span of the sequence and a place in it.

`exact[-1]+1` is the token after the exact answer's last one, `thought[50%]` the token half-way through the thought,
`steps[0]` the last token of its first step, `mean(final)` the mean of the states over the final part. The sequence is
prompt ids, then answer ids.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from truthmap.errors import UsageError
from truthmap.records import Span

__all__ = ["GRAMMAR", "MISSING", "At", "Mean", "Place", "Rule", "Share", "SpanName"]

MISSING = -1
"""The index of a position that an answer does not have."""


class SpanName(StrEnum):
    """A part of the sequence that a rule may name."""

    PROMPT = "prompt"
    ANSWER = "answer"
    THOUGHT = "thought"
    FINAL = "final"
    EXACT = "exact"
    STEPS = "steps"
    """The last token of each step of the thought, one behind the other."""

    @property
    def wording(self) -> str:
        """How a sentence for a reader names it."""
        return _WORDING[self]

    @property
    def unit(self) -> str:
        """What it is made of, for a reader."""
        return "step's end" if self is SpanName.STEPS else "token"


_WORDING = {
    SpanName.PROMPT: "the prompt",
    SpanName.ANSWER: "the answer",
    SpanName.THOUGHT: "the thought",
    SpanName.FINAL: "the final part",
    SpanName.EXACT: "the exact answer",
    SpanName.STEPS: "the thought",
}

GRAMMAR = (
    f"a span ({', '.join(SpanName)}) with an index such as [0] or [-1] or a share of the way such as [50%], and how "
    "many tokens on from there, as exact[-1]+1; or the mean over a span, as mean(answer)"
)
"""What a rule may be, in words."""

_MEAN = re.compile(r"mean\(([^()]*)\)(.*)")
_TOKEN = re.compile(r"([^\[\]]{0,99})\[([^\[\]]{0,99})\](.*)")
_INDEX = re.compile(r"-?[0-9]{1,7}")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%")
_OFFSET = re.compile(r"[+-][0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class At:
    """A token of a span by its index, from the span's end if negative."""

    index: int

    @property
    def from_start(self) -> bool:
        """Whether it can be found before the span's end is known."""
        return self.index >= 0

    @property
    def in_every_span(self) -> bool:
        """Whether a span of any length has it."""
        return self.index in (0, -1)

    def tokens(self, span: Sequence[int]) -> Span | None:
        """Return its token, or `None` where the span is too short."""
        if not -len(span) <= self.index < len(span):
            return None
        return Span(span[self.index], span[self.index] + 1)

    def within(self, span: SpanName) -> str:
        """Write it as a part of a rule."""
        return f"{span}[{self.index}]"

    def told(self, span: SpanName) -> str:
        """Name it in plain words."""
        named = {0: f"the first {span.unit}", 1: f"the second {span.unit}", -1: f"the last {span.unit}"}
        return f"{named.get(self.index, f'{span.unit} {self.index}')} of {span.wording}"


@dataclass(frozen=True, slots=True)
class Share:
    """The token this share of the way from a span's first token (0 %) to its last (100 %)."""

    percent: float
    from_start = False
    in_every_span = True

    def tokens(self, span: Sequence[int]) -> Span:
        """Return its token: the nearest one, the later of two that are as near."""
        token = span[math.floor(self.percent * (len(span) - 1) / 100 + 0.5)]
        return Span(token, token + 1)

    def within(self, span: SpanName) -> str:
        """Write it as a part of a rule."""
        return f"{span}[{self.percent:.7g}%]"

    def told(self, span: SpanName) -> str:
        """Name it in plain words."""
        return f"the {span.unit} {self.percent:.7g} % of the way through {span.wording}"


@dataclass(frozen=True, slots=True)
class Mean:
    """All tokens of a span: the mean of their states."""

    from_start = False
    in_every_span = True

    def tokens(self, span: Sequence[int]) -> Span:
        """Return the span."""
        return Span(span[0], span[-1] + 1)

    def within(self, span: SpanName) -> str:
        """Write it as a rule."""
        return f"mean({span})"

    def told(self, span: SpanName) -> str:
        """Name it in plain words."""
        return f"the mean over {span.wording}"


Place = At | Share | Mean


@dataclass(frozen=True, slots=True)
class Rule:
    """A place in a span of the sequence and, from there, `offset` tokens on.

    Attributes:
        span: The span.
        place: Where in it.
        offset: Tokens on (or back, if negative) from there; they may leave the span but not the sequence.
    """

    span: SpanName
    place: Place
    offset: int = 0

    @classmethod
    def of(cls, text: str) -> Rule:
        """Read a rule: `prompt[-1]`, `exact[0]-1`, `thought[50%]`, `mean(final)`.

        Raises:
            UsageError: it is no rule; says what is wrong with it and what is allowed.
        """
        mean, token = _MEAN.fullmatch(text), _TOKEN.fullmatch(text)
        if mean is not None:
            if mean[2]:
                raise _no_rule(text, f"nothing may follow {text.removesuffix(mean[2])!r}")
            span = _span(text, mean[1])
            if span is SpanName.STEPS:
                raise _no_rule(text, "ends of steps are no span to take a mean over: take mean(thought)")
            return cls(span, Mean())
        if token is None:
            raise _no_rule(text)
        name, place, offset = token.groups()
        if offset and not _OFFSET.fullmatch(offset):
            raise _no_rule(text, f"{offset!r} is no number of tokens such as +1 or -2")
        return cls(_span(text, name), _place(text, place), int(offset or 0))

    @property
    def is_mean(self) -> bool:
        """Whether it is more than a token."""
        return isinstance(self.place, Mean)

    @property
    def may_read_prompt(self) -> bool:
        """Whether it can lie before the prompt's last token, of which decoding sees no states."""
        at_least = self.place.index if isinstance(self.place, At) and self.place.from_start else 0
        if self.span is SpanName.PROMPT:
            return self.place != At(-1) or self.offset < 0
        return at_least + self.offset < -1

    @property
    def wording(self) -> str:
        """It in plain words."""
        place = self.place.told(self.span)
        if not self.offset:
            return place
        count = abs(self.offset)
        return f"the token {count} {'after' if self.offset > 0 else 'before'} {place}"

    def tokens(self, spans: Mapping[SpanName, Sequence[int]], length: int) -> Span | None:
        """Return the tokens that it names in a sequence of `length` tokens; `None`: it is missing.

        Args:
            spans: The tokens of each span that the sequence has, ascending.
            length: Of the sequence.
        """
        span = spans.get(self.span)
        found = self.place.tokens(span) if span else None
        if found is None or not 0 <= found.start + self.offset < length:
            return None
        return Span(found.start + self.offset, found.end + self.offset)

    def __str__(self) -> str:
        return f"{self.place.within(self.span)}{f'{self.offset:+d}' if self.offset else ''}"


def _span(text: str, name: str) -> SpanName:
    if name not in tuple(SpanName):
        raise _no_rule(text, f"there is no span {name!r}")
    return SpanName(name)


def _place(text: str, place: str) -> Place:
    share = _SHARE.fullmatch(place)
    if share is not None:
        percent = float(share[1])
        if percent > 100:
            raise _no_rule(text, f"a share is 0% to 100%, not {place}")
        return Share(percent)
    if not _INDEX.fullmatch(place):
        raise _no_rule(text, f"{place!r} is neither an index nor a share")
    return At(int(place))


def _no_rule(text: str, why: str = "") -> UsageError:
    reason = f" ({why})" if why else ""
    return UsageError(f"{text!r} is no rule for a position{reason}: expected {GRAMMAR}")
