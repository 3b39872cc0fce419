"""Ridge probes: linear regression on hidden states, for labels that are numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats, Ints
from truthmap.metrics.spearman import spearman_many
from truthmap.probes.cross_validation import usable
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.layer_source import LayerSource
from truthmap.records import Site

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Of regularisation, by the width d: the penalty on the squared weights of standardised states is STRENGTH * d."""


@dataclass(frozen=True)
class RidgeProbe:
    """A fitted ridge regression: `predict(x) = (x - mean) / scale @ weight + bias`.

    Attributes:
        weight, mean, scale: float64 (d,).
        bias: The mean of the labels.
    """

    weight: Floats
    bias: float
    mean: Floats
    scale: Floats

    def predict(self, x: Floats) -> Floats:
        """Return what it predicts for states float (n, d): float64 (n,)."""
        predicted: Floats = (x - self.mean) / self.scale @ self.weight + self.bias
        return predicted


def fit_ridge(x: Floats, y: Floats, strength: float) -> RidgeProbe:
    """Fit a ridge regression on standardised states; its optimum is scikit-learn's `Ridge(alpha=strength * d)`.

    Args:
        x: float (n, d).
        y: float (n,).
        strength: Of regularisation, by the width.
    """
    mean, scale = _moments(x)
    standard = (x - mean) / scale
    weight = _Solved.of(standard).weights(y[:, None] - y.mean(), strength)[:, 0]
    return RidgeProbe(weight, float(y.mean()), mean, scale)


def out_of_fold_ridge(x: Floats, targets: Floats, fold: Ints) -> Floats:
    """Predict every row by a probe that has not seen its fold, at each of `STRENGTHS`.

    Args:
        x: float (n, d).
        targets: float (n, T): the labels, and shuffles of them; all share the work.
        fold: int64 (n,).

    Returns:
        float64 (strengths, T, n).
    """
    found = np.empty((len(STRENGTHS), targets.shape[1], len(x)))
    for each in np.unique(fold):
        learn, score = fold != each, fold == each
        mean, scale = _moments(x[learn])
        solved, centre = _Solved.of((x[learn] - mean) / scale), targets[learn].mean(axis=0)
        unseen = (x[score] - mean) / scale
        for n, strength in enumerate(STRENGTHS):
            weights = solved.weights(targets[learn] - centre, strength)
            found[n][:, score] = (unseen @ weights + centre).T
    return found


@dataclass(frozen=True)
class RidgeMap:
    """The ridge probes of a site.

    Attributes:
        spearman: float64 (L, P), out of fold, at the cell's best strength; NaN where too few rows have the position.
        strength: float64 (L, P).
        n: int64 (L, P), rows that have the position.
        null: float64 (R,), the largest on the map for each shuffle of the labels.
    """

    spearman: Floats
    strength: Floats
    n: Ints
    null: Floats

    @property
    def p_value(self) -> Floats:
        """The p-values, corrected for looking at the whole map: float64 (L, P); NaN without shuffles."""
        above = (self.null[:, None, None] >= self.spearman).sum(axis=0)
        known = np.isfinite(self.spearman) & (len(self.null) > 0)
        return np.where(known, (1 + above) / (1 + len(self.null)), np.nan)

    def best(self) -> tuple[int, int]:
        """Return layer and column of the best cell among those that at least half of the rows have."""
        wide = (self.n * 2 >= self.n.max()) & np.isfinite(self.spearman)
        layer, column = np.unravel_index(int(np.argmax(np.where(wide, self.spearman, -np.inf))), wide.shape)
        return int(layer), int(column)


def fit_ridge_map(
    source: LayerSource,
    labels: LabelledAnswers,
    y: Floats,
    site: Site,
    shuffles: Ints,
    fewest: int,
    on_layer: Callable[[int], None] = lambda _done: None,
) -> RidgeMap:
    """Cross-validate a ridge probe in every cell of a site.

    Args:
        source: The states.
        labels: The n rows, none of them in the test part.
        y: float (n,), what to predict.
        site: What to read.
        shuffles: int64 (R, n), permutations of the rows, for the null.
        fewest: Rows that a cell needs; below, it has no probe.
        on_layer: Called with how many layers are done.
    """
    n_layers, n_positions = source.layout()[site][0], len(source.positions)
    spearman = np.full((n_layers, n_positions), np.nan)
    strength, n = spearman.copy(), np.zeros((n_layers, n_positions), dtype=np.int64)
    null = np.full(len(shuffles), -np.inf)
    targets = np.concatenate([y[None], y[shuffles]]).T
    for layer in range(n_layers):
        read = source.read_layer(site, layer, labels.ids)
        for column in range(n_positions):
            here = usable(read.states[column], read.present[column])
            n[layer, column] = here.sum()
            if here.sum() < fewest or not _varies(y, labels.fold, here):
                continue
            x = read.states[column].double().numpy()[here]
            predicted = out_of_fold_ridge(x, targets[here], labels.fold[here])
            found = np.stack([spearman_many(each, targets[here].T) for each in predicted])
            best = int(np.nanargmax(np.nan_to_num(found[:, 0], nan=-1.0)))
            spearman[layer, column], strength[layer, column] = found[best, 0], STRENGTHS[best]
            null = np.maximum(null, np.nan_to_num(found[:, 1:], nan=-1.0).max(axis=0))
        on_layer(layer + 1)
    return RidgeMap(spearman, strength, n, null)


def _varies(y: Floats, fold: Ints, here: Bools) -> bool:
    """Say whether each training part has labels that differ, and there are two parts at least."""
    folds = np.unique(fold[here])
    return len(folds) > 1 and all(np.ptp(y[here & (fold != each)]) > 0 for each in folds)


def _moments(x: Floats) -> tuple[Floats, Floats]:
    mean, scale = x.mean(axis=0), x.std(axis=0)
    return mean, np.where(scale > 1e-12, scale, 1.0)


@dataclass(frozen=True)
class _Solved:
    """The normal equations of standardised states, solved for every strength at once: in rows or in columns."""

    x: Floats
    values: Floats
    vectors: Floats

    @classmethod
    def of(cls, x: Floats) -> _Solved:
        by_rows = len(x) <= x.shape[1]
        values, vectors = np.linalg.eigh(x @ x.T if by_rows else x.T @ x)
        return cls(x, np.maximum(values, 0.0), vectors)

    def weights(self, y: Floats, strength: float) -> Floats:
        """Return the weights float64 (d, T) for centred labels float (n, T)."""
        shrunk = 1.0 / (self.values + strength * self.x.shape[1])
        by_rows = len(self.vectors) == len(self.x)
        inner = y if by_rows else self.x.T @ y
        solved: Floats = self.vectors @ (shrunk[:, None] * (self.vectors.T @ inner))
        return self.x.T @ solved if by_rows else solved
