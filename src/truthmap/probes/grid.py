"""The grid: a cross-validated probe in every cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from truthmap.probes.labels import Labels, LayerSource
from truthmap.probes.linear import standardise
from truthmap.probes.scores import auc_many, round_scores
from truthmap.probes.settings import GridSettings
from truthmap.probes.solver import Problems, solve_path
from truthmap.probes.threads import one_process_threads
from truthmap.records import POSITIONS, Position, Site

Floats = np.ndarray[Any, np.dtype[np.float64]]

COLUMNS = ("auc", "low", "high", "n", "n_right", "C", "converged", "gap")


@dataclass(frozen=True)
class Cell:
    """One place on the map."""

    site: Site
    layer: int
    position: Position


@dataclass(frozen=True)
class Grid:
    """The probes' scores in every cell of one site; arrays are (L, P).

    Attributes:
        site: What was read.
        auc, low, high: float64: out-of-fold AUC on train + validation at the best C, with its interval; NaN where a
            cell has too few answers.
        n, n_right: int64: answers that have the position, and the right ones among them.
        c: float64: the C that was chosen, by out-of-fold AUC.
        converged: bool: every probe of the cell, for every C and fold, is at its optimum.
        gap: float64: the worst certificate among them.
    """

    site: Site
    auc: Floats
    low: Floats
    high: Floats
    n: np.ndarray[Any, np.dtype[np.int64]]
    n_right: np.ndarray[Any, np.dtype[np.int64]]
    c: Floats
    converged: np.ndarray[Any, np.dtype[np.bool_]]
    gap: Floats

    def to_frame(self) -> pd.DataFrame:
        """Give the grid as a table, a row per cell."""
        layers, positions = np.indices(self.auc.shape)
        columns: dict[str, Any] = {
            "site": str(self.site),
            "layer": layers.ravel(),
            "position": [str(POSITIONS[p]) for p in positions.ravel()],
            **{name: getattr(self, name.lower()).ravel() for name in COLUMNS},
        }
        frame: pd.DataFrame = pd.DataFrame(columns)
        return frame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Grid:
        """Read back one site's rows of `to_frame`."""
        shape = (int(frame["layer"].max()) + 1, len(POSITIONS))
        order = frame.assign(column=frame["position"].map({str(p): n for n, p in enumerate(POSITIONS)}))
        order = order.sort_values(["layer", "column"])
        return cls(
            Site(frame["site"].iloc[0]), **{name.lower(): order[name].to_numpy().reshape(shape) for name in COLUMNS}
        )


def fit_grid(
    source: LayerSource,
    labels: Labels,
    site: Site,
    settings: GridSettings,
    on_progress: Callable[[int, int], None] | None = None,
) -> Grid:
    """Fit a probe in every cell of a site, by cross-validation over train + validation.

    The test part is not looked at. Layers are read one at a time.

    Args:
        source: The states.
        labels: All scored answers.
        site: What to read.
        settings: Values of C and the like.
        on_progress: Called with (layers done, layers).
    """
    chosen = labels.of(test=False)
    n_layers, _ = source.layout()[site]
    rows: dict[str, list[list[float]]] = {name: [] for name in COLUMNS}
    with one_process_threads():
        for layer in range(n_layers):
            read = source.read_layer(site, layer, chosen.ids)
            cells = [
                _fit_cell(states[here], chosen, here, settings)
                for states, here in zip(read.states, read.present, strict=True)
            ]
            for name in COLUMNS:
                rows[name].append([cell[name] for cell in cells])
            if on_progress is not None:
                on_progress(layer + 1, n_layers)
    kinds = {"n": np.int64, "n_right": np.int64, "converged": np.bool_}
    return Grid(site, **{name.lower(): np.array(rows[name], dtype=kinds.get(name, np.float64)) for name in COLUMNS})


def best_cell(grid: Grid) -> Cell:
    """Choose the cell with the highest cross-validated AUC, the earliest layer and position among equals.

    Only cells that at least half of the answers have are looked at: a detector for the rest would be of little use, and
    few answers make a high AUC by chance.
    """
    wide = grid.n * 2 >= grid.n.max()
    auc = np.where(wide & np.isfinite(grid.auc), grid.auc, -np.inf)
    layer, position = np.unravel_index(int(np.argmax(auc)), auc.shape)
    return Cell(grid.site, int(layer), POSITIONS[int(position)])


def _fit_cell(
    states: torch.Tensor, labels: Labels, present: np.ndarray[Any, np.dtype[np.bool_]], settings: GridSettings
) -> dict[str, float]:
    """Fit one cell: states (n, d) of the answers that have the position."""
    y, fold = labels.y[present], labels.fold[present]
    n, n_right = len(y), int(y.sum())
    nothing = dict.fromkeys(COLUMNS, float("nan")) | {"n": n, "n_right": n_right, "converged": False}
    folds = np.unique(fold)
    training = [fold != f for f in folds]
    if min(n_right, n - n_right) < settings.fewest or any(y[t].all() or not y[t].any() for t in training):
        return nothing
    x, _, _ = standardise(states)
    member = torch.from_numpy(np.stack(training, axis=1)).float()
    scale = torch.stack([x[torch.from_numpy(t)].std(dim=0, correction=0) for t in training], dim=1)
    signs = torch.from_numpy(np.where(y, 1.0, -1.0)).float()[:, None].expand(-1, len(folds))
    own = torch.from_numpy(np.searchsorted(folds, fold))[:, None]
    held_out, gaps = [], []
    for solution in solve_path(Problems(x, scale.clamp(min=1e-6), signs, member), settings.cs):
        # Each answer is scored by the probe that did not see it.
        held_out.append(solution.scores.gather(1, own)[:, 0].double().numpy())
        gaps.append((float(solution.gap.max()), bool(solution.converged.all())))
    scores = auc_many(round_scores(np.stack(held_out)), y, settings.confidence)
    best = int(np.argmax(scores.auc))
    return {
        "auc": float(scores.auc[best]),
        "low": float(scores.low[best]),
        "high": float(scores.high[best]),
        "n": n,
        "n_right": n_right,
        "C": sorted(settings.cs)[best],
        "converged": all(converged for _, converged in gaps),
        "gap": max(gap for gap, _ in gaps),
    }
