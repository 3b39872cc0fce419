"""What the columns of a map hold: closing tokens, punctuation, words; and how answers that were cut off came out.

A column is a place, not a kind of token: the last token of an answer closes it where the model closed its answer, and
is a word where it was cut off. A probe may read which of both it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from truthmap.grading.token_spans import is_closed_by_token, locate_ranges
from truthmap.metrics.estimate import Estimate
from truthmap.positions import MISSING, Position
from truthmap.records import Answer, Grade, Outcome

MIXED = 0.1
"""A column mixes kinds of tokens where two kinds have at least this share of it each."""


class TokenKind(StrEnum):
    """What a token is, by what it wrote."""

    CLOSING = "closing token"
    """The last one of an answer that the model closed; it wrote nothing, or white space."""
    PUNCTUATION = "punctuation"
    """It wrote marks alone."""
    WORD = "word"
    """It wrote a letter or a digit."""
    BLANK = "blank"
    """It wrote nothing, or white space."""
    PROMPT = "prompt token"
    """It was not written by the model."""
    SEVERAL = "several tokens"
    """A mean over a span."""


class ColumnContents(BaseModel):
    """What a column of a map holds.

    Attributes:
        position: The column.
        n: Scored rows.
        missing: Share of them that lack the position.
        shares: Of those that have it, the share of each kind of token, the largest first; kinds it has none of are left
            out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    position: Position
    n: int
    missing: float
    shares: dict[TokenKind, float]

    def share(self, kind: TokenKind) -> float:
        """Return the share of a kind among the rows that have the position."""
        return self.shares.get(kind, 0.0)

    @property
    def is_mixed(self) -> bool:
        """Whether it mixes kinds of tokens."""
        return sum(share >= MIXED for share in self.shares.values()) > 1

    @property
    def told(self) -> str:
        """What it holds, in words: `a closing token in 60 %, a word in 40 %`."""
        parts = [
            f"{'' if kind is TokenKind.SEVERAL or kind is TokenKind.PUNCTUATION else 'a '}{kind} in {share:.0%}"
            for kind, share in self.shares.items()
            if share >= MIXED / 10
        ]
        return ", ".join(parts).replace("%", " %")


class CutAnswers(BaseModel):
    """How answers ended, by outcome.

    Attributes:
        closed, cut: Counts of rows, in the order right, wrong, unscored.
        auc: Of "it was closed" as a sign that an answer is right, among the scored rows: what a probe gains that sees
            no more than how an answer ended. `None` where all ended alike or came out alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    closed: dict[Outcome, int]
    cut: dict[Outcome, int]
    auc: Estimate | None

    @property
    def differ(self) -> bool:
        """Whether some answers were closed and others cut off."""
        return any(self.closed.values()) and any(self.cut.values())

    @property
    def told(self) -> str:
        """It in words."""
        counted = "; ".join(
            f"{name}: {counts[Outcome.RIGHT]:,} right, {counts[Outcome.WRONG]:,} wrong, "
            f"{counts[Outcome.UNSCORED]:,} unscored"
            for name, counts in (("closed", self.closed), ("cut off", self.cut))
        )
        return counted if self.auc is None else f"{counted}; being closed alone has AUC {self.auc.short}"


def kind_of(answer: Answer, start: int, end: int) -> TokenKind:
    """Return the kind of the tokens `[start, end)` of prompt + answer ids."""
    if end - start > 1:
        return TokenKind.SEVERAL
    index = start - len(answer.prompt_ids)
    if index < 0:
        return TokenKind.PROMPT
    if index == len(answer.answer_ids) - 1 and is_closed_by_token(answer):
        return TokenKind.CLOSING
    low, high = answer.offsets[index]
    wrote = answer.text[low:high].strip()
    if not wrote:
        return TokenKind.BLANK
    return TokenKind.WORD if any(map(str.isalnum, wrote)) else TokenKind.PUNCTUATION


def column_contents(
    rows: Iterable[tuple[Answer, Grade]], positions: Sequence[Position], *, drop_closing_token: bool = False
) -> tuple[ColumnContents, ...]:
    """Say what columns hold in these rows: a `ColumnContents` for each position, in their order.

    Args:
        rows: The scored rows: answers with their grades.
        positions: The columns.
        drop_closing_token: As in `locate_ranges`.
    """
    counts: list[Counter[TokenKind]] = [Counter() for _ in positions]
    n = 0
    for answer, grade in rows:
        n += 1
        ranges = locate_ranges(answer, grade.span, positions, drop_closing_token=drop_closing_token)
        for count, (start, end) in zip(counts, ranges.tolist(), strict=True):
            if start != MISSING:
                count[kind_of(answer, start, end)] += 1
    return tuple(
        ColumnContents(
            position=position,
            n=n,
            missing=1 - count.total() / n if n else 1.0,
            shares={kind: found / count.total() for kind, found in count.most_common()},
        )
        for position, count in zip(positions, counts, strict=True)
    )
