"""A first look at the map while questions are still being asked: a rough one, cheap, and gone when the map is there.

Every answer is read once, as it comes, and nothing of it is kept but sums. A direction is made of the answers so far
(the difference of the class means over the variance, feature by feature: a diagonal linear discriminant), and scores
those that come after it; it is made anew whenever the number of answers has doubled. Answers of the test part are left
out, so that the number that is reported in the end rests on answers that nobody has looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from truthmap.arrays import Bools, Floats
from truthmap.errors import TruthmapError
from truthmap.figures.canvas import figure_of, save_figure
from truthmap.figures.heatmap import draw_heatmap
from truthmap.metrics.auc_interval import auc_many
from truthmap.positions import Position
from truthmap.records import Grade, Outcome, RowKey
from truthmap.runs.file_names import HEATMAP_PREVIEW
from truthmap.runs.folder import RunFolder
from truthmap.store.shards import StateShard

FIRST = 200
"""Answers after which there is something to look at."""

_FEWEST = 8  # of each outcome, for an AUC
_WORTH_SECONDS = 30.0  # that are still to go: nobody waits for a preview when the map is about to be there
_SHARE = 0.01  # of the time that answering takes
_MOST_NUMBERS = 500_000  # of an answer's states that are read: of large models every second layer, or fewer
_MOST_LINES = 16
_SHADES = " ·░▒▓█"


@dataclass
class MapPreview:
    """A map that grows with the answers.

    Attributes:
        folder: The run's folder, into which `heatmap-preview.png` is written.
        read_groups: Reads the group of each question outside the test part; called once, when the first answers come.
        total: How many questions are asked.
        say: Told what there is to see.
        first: Answers before the first look.
        worth: Seconds that must still be to go for a look.
        share: The most that it may take of the time: answers that come faster than they are read are left out.
    """

    folder: RunFolder
    read_groups: Callable[[], Mapping[str, str]]
    total: int
    say: Callable[[str], None]
    first: int = FIRST
    worth: float = _WORTH_SECONDS
    share: float = _SHARE
    _spent: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _answered: int = 0
    _next: int = 0
    _sums: dict[bool, _Sums] = field(default_factory=dict)
    _direction: torch.Tensor | None = None
    _scores: list[torch.Tensor] = field(default_factory=list)
    _y: list[bool] = field(default_factory=list)
    _group: list[str] = field(default_factory=list)

    @cached_property
    def _groups(self) -> Mapping[str, str]:
        return self.read_groups()

    def add(self, answered: int, grades: Mapping[RowKey, Grade], piece: StateShard) -> None:
        """Take in a batch of answers; where enough have come, show the map.

        Args:
            answered: How many answers the batch has.
            grades: Their grades.
            piece: The states of those that were scored.
        """
        started = time.monotonic()
        self._answered += answered
        self._next = self._next or max(1, self.first // 2)
        if self._spent <= self.share * (started - self._started):
            self._take_in(grades, piece)
            self._spent += time.monotonic() - started

    def _take_in(self, grades: Mapping[RowKey, Grade], piece: StateShard) -> None:
        rows = [n for n, row in enumerate(piece.ids) if row.question_id in self._groups]
        if rows:
            y = [grades[piece.ids[n]].outcome is Outcome.RIGHT for n in rows]
            self._read(piece, rows, y)
        if self._answered >= self._next and self._answered < self.total:
            if self._answered >= self.first and self._is_worth_it():
                self._look(piece)
            while self._next <= self._answered:
                self._next *= 2
            self._direction = self._new_direction()
            self._scores, self._y, self._group = [], [], []

    def _read(self, piece: StateShard, rows: Sequence[int], y: Sequence[bool]) -> None:
        states = next(iter(piece.states.values()))[:: _stride(piece)][:, :, rows].float()  # (L, P, n, d)
        present = torch.from_numpy(piece.present[:, rows])  # (P, n)
        states = torch.where(present[None, :, :, None], states, torch.zeros(()))
        if self._direction is not None:
            scores = torch.einsum("lpnd,lpd->lpn", states, self._direction)
            self._scores.append(torch.where(present[None], scores, torch.nan))
            self._y += y
            self._group += [self._groups[piece.ids[n].question_id] for n in rows]
        for outcome in (True, False):
            chosen = [n for n, right in enumerate(y) if right is outcome]
            if chosen:
                found = _Sums.of(states[:, :, chosen], present[:, chosen])
                self._sums[outcome] = found if outcome not in self._sums else self._sums[outcome].plus(found)

    def _new_direction(self) -> torch.Tensor | None:
        if len(self._sums) < 2:
            return None
        right, wrong = self._sums[True], self._sums[False]
        spread = right.plus(wrong).variance
        return (right.mean - wrong.mean) / torch.where(spread > 0, spread, torch.inf)

    def _is_worth_it(self) -> bool:
        gone = time.monotonic() - self._started
        return gone / self._answered * (self.total - self._answered) >= self.worth

    def _look(self, piece: StateShard) -> None:
        y = np.array(self._y, dtype=bool)
        if min(int(y.sum()), int((~y).sum())) < _FEWEST:
            return
        auc, reach = auc_of_cells(torch.cat(self._scores, dim=2).double().numpy(), y, self._group)
        if not np.isfinite(auc).any():
            return
        stride = _stride(piece)
        best = np.unravel_index(int(np.nanargmax(auc)), auc.shape)
        told = (
            f"a first look after {self._answered:,} answers: AUC of a rough probe on {len(y)} of them, "
            f"each give or take {np.nanmedian(reach):.2f}; the highest is {auc[best]:.2f} at layer "
            f"{best[0] * stride}, {piece.positions[best[1]]}; more answers refine it"
        )
        for line in (told, *sketch(auc, piece.positions, stride)):
            self.say(line)
        axes = draw_heatmap(np.repeat(auc, stride, axis=0), positions=piece.positions)
        axes.set_title(f"A first look after {self._answered:,} answers (each AUC ± {np.nanmedian(reach):.2f})", pad=40)
        try:
            save_figure(figure_of(axes), self.folder / HEATMAP_PREVIEW, dpi=80)
        except TruthmapError as error:
            self.say(f"{HEATMAP_PREVIEW} cannot be written: {error}")


@dataclass(frozen=True)
class _Sums:
    """Sums over answers of one outcome: (P,) counts, (L, P, d) of values and of their squares."""

    n: torch.Tensor
    values: torch.Tensor
    squares: torch.Tensor

    @classmethod
    def of(cls, states: torch.Tensor, present: torch.Tensor) -> _Sums:
        """Sum states (L, P, n, d) that are zero where `present` (P, n) is false."""
        return cls(present.sum(dim=1).double(), states.sum(dim=2).double(), states.square().sum(dim=2).double())

    def plus(self, other: _Sums) -> _Sums:
        """Return the sums over both."""
        return _Sums(self.n + other.n, self.values + other.values, self.squares + other.squares)

    @property
    def mean(self) -> torch.Tensor:
        """The mean, (L, P, d) float32."""
        return (self.values / self.n.clamp(min=1)[None, :, None]).float()

    @property
    def variance(self) -> torch.Tensor:
        """The variance, (L, P, d) float32."""
        n = self.n.clamp(min=1)[None, :, None]
        return (self.squares / n - (self.values / n).square()).float()


def _stride(piece: StateShard) -> int:
    """Return of how many layers one is read."""
    n_layers, n_positions, _, width = next(iter(piece.states.values())).shape
    return min(n_layers, -(-n_layers * n_positions * width // _MOST_NUMBERS))


def auc_of_cells(scores: Floats, y: Bools, group: Sequence[str]) -> tuple[Floats, Floats]:
    """Return each cell's AUC and half the width of its 95 % interval by groups: scores (L, P, n) → (L, P) each.

    NaN in a score: the answer lacks the position; NaN in the result: too few answers have it.
    """
    auc = np.full(scores.shape[:2], np.nan)
    reach = auc.copy()
    for column in range(scores.shape[1]):
        here = np.isfinite(scores[:, column]).all(axis=0)
        right = y[here]
        if min(int(right.sum()), int((~right).sum())) >= _FEWEST:
            found = auc_many(scores[:, column, here], right, [group[n] for n in np.flatnonzero(here).tolist()])
            auc[:, column], reach[:, column] = found.auc, (found.high - found.low) / 2
    return auc, reach


def sketch(auc: Floats, positions: Sequence[Position], stride: int = 1) -> list[str]:
    """Return a map as lines of text: layers down, two characters for each position.

    Args:
        auc: float (L, P); NaN is left blank.
        positions: What the columns are.
        stride: Of how many layers of the model each row is one.
    """
    step = -(-len(auc) // _MOST_LINES)
    rows = [
        f"  layer {layer * stride:3d} " + "".join(_shade(value) * 2 for value in auc[layer])
        for layer in range(0, len(auc), step)
    ]
    legend = ", ".join(f"{_SHADES[n]} {0.5 + 0.1 * (n - 1):.1f}" for n in range(1, len(_SHADES)))
    return [*rows, f"  from left to right: {positions[0]} … {positions[-1]}; AUC from: {legend}"]


def _shade(auc: float) -> str:
    return _SHADES[0] if auc != auc else _SHADES[int(np.clip((auc - 0.4) * 10, 0, 5))]
