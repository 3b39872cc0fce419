"""The named token places of an answer: one table, and all that is to be known of a position is in its row.

A position is a name and a rule (`position_rules`): a row each; one without a name: `Position.of("thought[50%]")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from pydantic_core import CoreSchema, core_schema

from truthmap.arrays import Ints32
from truthmap.errors import UsageError
from truthmap.position_rules import GRAMMAR, MISSING, At, Rule, SpanName
from truthmap.records import RowKey
from truthmap.shown import ShortRepr

__all__ = ["MISSING", "PAPER", "POSITIONS", "Group", "LocatedPositions", "Position", "Rule", "SpanName", "column_of"]

_PAPER, _THOUGHT, _ALONG, _STEPS = "paper", "thought", "along_thought", "steps"


class Group(StrEnum):
    """What positions have in common for a reader."""

    PROMPT = "prompt"
    """Before the model answers."""
    ANSWER = "answer"
    """Counted from the answer's start."""
    THOUGHT = "thought"
    """In the thought: boxed on the map."""
    FINAL = "final"
    """In the final part: boxed on the map."""
    EXACT = "exact"
    """At the exact answer: boxed on the map."""
    END = "end"
    """Counted from the end of the sequence."""

    @property
    def boxed(self) -> str | None:
        """What its box on the map marks; `None`: it has none."""
        return _BOXED.get(self)


_BOXED = {
    Group.THOUGHT: "tokens of the thought",
    Group.FINAL: "tokens of the final part",
    Group.EXACT: "tokens of the exact answer",
}
_GROUP_OF_SPAN = {
    SpanName.PROMPT: Group.PROMPT,
    SpanName.ANSWER: Group.ANSWER,
    SpanName.THOUGHT: Group.THOUGHT,
    SpanName.FINAL: Group.FINAL,
    SpanName.EXACT: Group.EXACT,
    SpanName.STEPS: Group.THOUGHT,
}


@dataclass(frozen=True, slots=True)
class Position:
    """A named token place: a row of the table. Its text is its name; two with one rule are the same.

    Attributes:
        name: Its name, as it stands on figures and in files.
        rule: Where it is.
        group: What it has in common with others.
        wording: How a sentence for a reader names it.
        sets: The sets that it belongs to.
    """

    name: str = field(compare=False)
    rule: Rule
    group: Group = field(compare=False)
    wording: str = field(compare=False)
    sets: tuple[str, ...] = field(compare=False)

    @classmethod
    def of(cls, name: str) -> Position:
        """Return the position of this name, or of this rule.

        Raises:
            UsageError: it is neither.
        """
        if name in _BY_NAME:
            return _BY_NAME[name]
        try:
            return cls.by_rule(name)
        except UsageError as error:
            if any(mark in name for mark in "[]()"):
                raise
            raise UsageError(
                f"there is no position {name!r}; there are {', '.join(_NAMES)}, and by a rule: {GRAMMAR}"
            ) from error

    @classmethod
    def by_rule(cls, text: str, *sets: str) -> Position:
        """Return the position of a rule, which is its name.

        Raises:
            UsageError: it is no rule.
        """
        rule = Rule.of(text)
        ends_sequence = rule.span in (SpanName.ANSWER, SpanName.FINAL)
        from_end = ends_sequence and isinstance(rule.place, At) and rule.place.index < 0
        group = Group.END if from_end else _GROUP_OF_SPAN[rule.span]
        return cls(str(rule), rule, group, rule.wording, sets)

    @property
    def in_every_answer(self) -> bool:
        """Whether every answer has it."""
        rule = self.rule
        return rule.span in (SpanName.PROMPT, SpanName.ANSWER) and rule.place.in_every_span and rule.offset == 0

    @property
    def known_early(self) -> bool:
        """Whether it can be located before the answer is complete: it is not counted from the answer's end."""
        return self.rule.span not in (SpanName.ANSWER, SpanName.FINAL) or self.rule.place.from_start

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


def _named(name: str, rule: str, wording: str, *sets: str) -> Position:
    """Return a row of the table with a name and a wording of its own."""
    found = Position.by_rule(rule)
    return Position(name, found.rule, found.group, wording, sets)


POSITIONS: tuple[Position, ...] = (
    _named("last_q", "prompt[-1]", "the last token of the prompt", _PAPER, _THOUGHT, _ALONG, _STEPS),
    _named("first_answer", "answer[0]", "the first token of the answer", _PAPER),
    _named("second_answer", "answer[1]", "the second token of the answer", _PAPER),
    Position.by_rule("thought[0]", _THOUGHT, _ALONG, _STEPS),
    *(Position.by_rule(f"thought[{share}%]", _ALONG) for share in (10, 20)),
    Position.by_rule("thought[25%]", _THOUGHT),
    *(Position.by_rule(f"thought[{share}%]", _ALONG) for share in (30, 40)),
    Position.by_rule("thought[50%]", _THOUGHT, _ALONG),
    *(Position.by_rule(f"thought[{share}%]", _ALONG) for share in (60, 70)),
    Position.by_rule("thought[75%]", _THOUGHT),
    *(Position.by_rule(f"thought[{share}%]", _ALONG) for share in (80, 90)),
    Position.by_rule("thought[-1]", _THOUGHT, _ALONG),
    *(Position.by_rule(f"thought[{2**k}]", _ALONG) for k in range(2, 13)),
    *(Position.by_rule(f"steps[{k}]", _STEPS) for k in (*range(8), *range(9, 16, 2), *range(19, 32, 4))),
    Position.by_rule("steps[-1]", _STEPS),
    Position.by_rule("final[0]", _THOUGHT, _ALONG, _STEPS),
    Position.by_rule("final[1]", _THOUGHT),
    _named("exact_answer_before_first", "exact[0]-1", "the token before the exact answer", _PAPER, _THOUGHT),
    _named("exact_answer_first", "exact[0]", "the first token of the exact answer", _PAPER, _THOUGHT),
    _named("exact_answer_last", "exact[-1]", "the last token of the exact answer", _PAPER, _THOUGHT, _ALONG, _STEPS),
    _named("exact_answer_after_last", "exact[-1]+1", "the token after the exact answer", _PAPER, _THOUGHT),
    *(Position.by_rule(f"final[-{k}]", _THOUGHT) for k in range(8, 1, -1)),
    Position.by_rule("final[-1]", _THOUGHT, _ALONG, _STEPS),
    *(_named(f"-{k}", f"answer[-{k}]", f"token -{k} of the whole sequence", _PAPER) for k in range(8, 1, -1)),
    _named("-1", "answer[-1]", "the last token of all", _PAPER),
)
"""The table, in the order of a map's columns; a run captures the rows that its study names.

`-1` is the closing token where the model closed its answer; `-8` is missing where the answer is shorter than that.
"""

_BY_NAME = {position.name: position for position in POSITIONS}
_NAMES = [position.name for position in POSITIONS if position.name != str(position.rule)]

SETS: Mapping[str, tuple[Position, ...]] = {
    name: tuple(position for position in POSITIONS if name in position.sets)
    for name in dict.fromkeys(name for position in POSITIONS for name in position.sets)
}
"""The sets by their names: a set is what rows of the table say of themselves."""

PAPER: tuple[Position, ...] = SETS[_PAPER]
"""The columns of the paper's figure."""

_LEGACY_NAMES = (
    "last_q", "first_answer", "second_answer", "exact_answer_before_first", "exact_answer_first", "exact_answer_last",
    "exact_answer_after_last", "-8", "-7", "-6", "-5", "-4", "-3", "-2", "-1",
)  # fmt: skip

LEGACY_POSITIONS: tuple[Position, ...] = tuple(map(Position.of, _LEGACY_NAMES))
"""What files hold that do not name their positions: they are older than that, and all of them hold these."""


@dataclass(frozen=True, slots=True, repr=False)
class LocatedPositions(ShortRepr):
    """Where answers have some positions.

    Attributes:
        positions: P of them.
        index: For each row int32 (P,): indices into prompt + answer ids, `MISSING` where the row has no such position.
            An answer may have several rows, one for each claim.
        end: For each row int32 (P,), one past the last token of each position, where any is more than one token (a
            mean); a row that is not in it has single tokens.
    """

    positions: tuple[Position, ...]
    index: Mapping[RowKey, Ints32]
    end: Mapping[RowKey, Ints32] = field(default_factory=dict)

    @classmethod
    def of(cls, positions: tuple[Position, ...], ranges: Mapping[RowKey, Ints32]) -> LocatedPositions:
        """Take each row's token ranges: int32 (P, 2), `[start, end)`, both `MISSING` where it lacks a position."""
        several = any(position.rule.is_mean for position in positions)
        return cls(
            positions,
            {row: found[:, 0] for row, found in ranges.items()},
            {row: found[:, 1] for row, found in ranges.items()} if several else {},
        )

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
        """Return the token ranges of rows one below the other: int32 (n, P, 2)."""
        if not rows:
            return np.empty((0, len(self.positions), 2), dtype=np.int32)
        index = np.stack([self.index[row.key] for row in rows])
        single = np.where(index == MISSING, MISSING, index + 1)
        end = [self.end.get(row.key, single[n]) for n, row in enumerate(rows)]
        return np.stack([index, np.stack(end)], axis=-1)


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


def runs_of(positions: Sequence[Position]) -> list[tuple[Group, int, int]]:
    """Return the groups as they stand side by side on axis P: each with its first column and one past its last."""
    starts = [n for n, p in enumerate(positions) if not n or positions[n - 1].group is not p.group]
    return [(positions[a].group, a, b) for a, b in zip(starts, [*starts[1:], len(positions)], strict=True)]


def each_once(names: Iterable[str]) -> tuple[Position, ...]:
    """Return the positions of these names, each once, in the order in which they come first.

    Raises:
        UsageError: there is no such position.
    """
    return tuple(dict.fromkeys(map(Position.of, dict.fromkeys(names))))


def chosen_positions(texts: Iterable[str]) -> tuple[Position, ...]:
    """Return the positions that a choice names: names, rules and sets.

    Raises:
        UsageError: one of them is none.
    """
    return tuple(dict.fromkeys(p for text in texts for p in (SETS[text] if text in SETS else (_chosen(text),))))


def _chosen(text: str) -> Position:
    try:
        return Position.of(text)
    except UsageError as error:
        raise UsageError(f"{error}; or a set: {', '.join(SETS)}") from error
