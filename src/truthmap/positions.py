"""The named token places of an answer: one table, and all that is to be known of a position is in its row.

A position is a name and a rule. A rule names a span of the sequence (prompt ids, then answer ids) and a place in it:
`exact[-1]+1` is the token after the last one of the exact answer. To add a position, add a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import CoreSchema, core_schema

from truthmap.arrays import Ints32
from truthmap.errors import UsageError
from truthmap.records import RowKey, Span, StrEnum

__all__ = ["MISSING", "PAPER", "POSITIONS", "Group", "LocatedPositions", "Position", "Rule", "SpanName", "column_of"]

MISSING = -1
"""The index of a position that an answer does not have."""

_RULE = re.compile(r"(prompt|answer|exact)\[(-?\d+)\]([+-]\d+)?")
_PAPER = ("paper",)


class SpanName(StrEnum):
    """A part of the sequence that a rule may name."""

    PROMPT = "prompt"
    ANSWER = "answer"
    EXACT = "exact"


class Group(StrEnum):
    """What positions have in common for a reader."""

    PROMPT = "prompt"
    """Before the model answers."""
    ANSWER = "answer"
    """Counted from the answer's start."""
    EXACT = "exact"
    """At the exact answer: boxed on the map."""
    END = "end"
    """Counted from the end of the sequence."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A place in a span of the sequence: `span[index]` and, from there, `offset` tokens on.

    Attributes:
        span: The span.
        index: Which of its tokens, from its end if negative; an index outside the span names no token.
        offset: Tokens on (or back, if negative) from there; they may leave the span but not the sequence.
    """

    span: SpanName
    index: int
    offset: int = 0

    @classmethod
    def of(cls, text: str) -> Rule:
        """Read a rule: `prompt[-1]`, `exact[0]-1`.

        Raises:
            UsageError: it is no rule.
        """
        found = _RULE.fullmatch(text)
        if found is None:
            raise UsageError(
                f"{text!r} is no rule for a position: expected a span ({', '.join(SpanName)}) with an index, and how "
                "many tokens on from there, as exact[-1]+1"
            )
        span, index, offset = found.groups()
        return cls(SpanName(span), int(index), int(offset or 0))

    def locate(self, spans: Mapping[SpanName, Span], length: int) -> int:
        """Return the token's index in a sequence of `length` tokens with these spans, or `MISSING`."""
        span = spans.get(self.span)
        if span is None:
            return MISSING
        token = self.index + (span.start if self.index >= 0 else span.end)
        if not span.start <= token < span.end:
            return MISSING
        return token + self.offset if 0 <= token + self.offset < length else MISSING


@dataclass(frozen=True, slots=True)
class Position:
    """A named token place: a row of the table. Its text is its name.

    Attributes:
        name: Its name, as it stands on figures and in files.
        rule: Where it is.
        group: What it has in common with others.
        wording: How a sentence for a reader names it.
        sets: The sets that it belongs to.
    """

    name: str
    rule: Rule
    group: Group
    wording: str
    sets: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> Position:
        """Return the position of this name.

        Raises:
            UsageError: there is none.
        """
        if name not in _BY_NAME:
            raise UsageError(f"there is no position {name!r}; there are {', '.join(_BY_NAME)}")
        return _BY_NAME[name]

    @property
    def in_every_answer(self) -> bool:
        """Whether every answer has it."""
        rule = self.rule
        return rule.span is not SpanName.EXACT and rule.index in (0, -1) and rule.offset == 0

    @property
    def known_early(self) -> bool:
        """Whether it can be located before the answer is complete: it is not counted from the answer's end."""
        return self.rule.span is not SpanName.ANSWER or self.rule.index >= 0

    def __str__(self) -> str:
        return self.name

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """Let a field of a settings or result model hold a position: a name in JSON."""
        named = core_schema.no_info_after_validator_function(cls.of, core_schema.str_schema())
        return core_schema.json_or_python_schema(
            json_schema=named,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), named]),
            serialization=core_schema.to_string_ser_schema(when_used="json"),
        )


POSITIONS: tuple[Position, ...] = (
    Position("last_q", Rule.of("prompt[-1]"), Group.PROMPT, "the last token of the prompt", _PAPER),
    Position("first_answer", Rule.of("answer[0]"), Group.ANSWER, "the first token of the answer", _PAPER),
    Position("second_answer", Rule.of("answer[1]"), Group.ANSWER, "the second token of the answer", _PAPER),
    Position(
        "exact_answer_before_first", Rule.of("exact[0]-1"), Group.EXACT, "the token before the exact answer", _PAPER
    ),
    Position("exact_answer_first", Rule.of("exact[0]"), Group.EXACT, "the first token of the exact answer", _PAPER),
    Position("exact_answer_last", Rule.of("exact[-1]"), Group.EXACT, "the last token of the exact answer", _PAPER),
    Position(
        "exact_answer_after_last", Rule.of("exact[-1]+1"), Group.EXACT, "the token after the exact answer", _PAPER
    ),
    *(
        Position(f"-{k}", Rule.of(f"answer[-{k}]"), Group.END, f"token -{k} of the whole sequence", _PAPER)
        for k in range(8, 1, -1)
    ),
    Position("-1", Rule.of("answer[-1]"), Group.END, "the last token of all", _PAPER),
)
"""The table, in the order of a map's columns; a run captures every row.

`-1` is the closing token where the model closed its answer; `-8` is missing where the answer is shorter than that.
"""

_BY_NAME = {position.name: position for position in POSITIONS}

PAPER: tuple[Position, ...] = tuple(position for position in POSITIONS if "paper" in position.sets)
"""The columns of the paper's figure."""

_LEGACY_NAMES = (
    "last_q", "first_answer", "second_answer", "exact_answer_before_first", "exact_answer_first", "exact_answer_last",
    "exact_answer_after_last", "-8", "-7", "-6", "-5", "-4", "-3", "-2", "-1",
)  # fmt: skip

LEGACY_POSITIONS: tuple[Position, ...] = tuple(map(Position.of, _LEGACY_NAMES))
"""What files hold that do not name their positions: they are older than that, and all of them hold these."""


@dataclass(frozen=True, slots=True)
class LocatedPositions:
    """Where answers have some positions.

    Attributes:
        positions: P of them.
        index: For each row int32 (P,): indices into prompt + answer ids, `MISSING` where the row has no such position.
            An answer may have several rows, one for each claim.
    """

    positions: tuple[Position, ...]
    index: Mapping[RowKey, Ints32]

    def rows_of(self, answers: Iterable[RowKey]) -> tuple[LocatedRow, ...]:
        """Return the rows of answers, in the order of the answers and, within one, of the claims.

        Answers that were not located have none.
        """
        claims: dict[RowKey, list[RowKey]] = {}
        for text in self.index:
            row = RowKey(text)  # plain text will do
            claims.setdefault(row.answer, []).append(row)
        return tuple(
            LocatedRow(row, n)
            for n, answer in enumerate(answers)
            for row in sorted(claims.get(answer, ()), key=lambda row: row.claim)
        )

    def stacked(self, rows: Sequence[LocatedRow]) -> Ints32:
        """Return the indices of rows one below the other: int32 (n, P)."""
        if not rows:
            return np.empty((0, len(self.positions)), dtype=np.int32)
        return np.stack([self.index[row.key] for row in rows])


@dataclass(frozen=True, slots=True)
class LocatedRow:
    """A row, and the place of its answer among those that were asked for."""

    key: RowKey
    answer: int


def column_of(positions: Sequence[Position], position: Position) -> int:
    """Return where on axis P a position stands.

    Raises:
        UsageError: it is not among them.
    """
    if position not in positions:
        raise UsageError(f"there is no position {position} here; there are {', '.join(map(str, positions))}")
    return positions.index(position)


def columns_in(positions: Sequence[Position], group: Group) -> list[int]:
    """Return where on axis P the positions of a group stand."""
    return [column for column, position in enumerate(positions) if position.group is group]


def in_table_order(names: Iterable[str]) -> tuple[Position, ...]:
    """Return the positions of these names, each once, in the order of the table.

    Raises:
        UsageError: there is no such position.
    """
    return tuple(sorted({Position.of(name) for name in names}, key=POSITIONS.index))
