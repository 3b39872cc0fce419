"""The paper's way, so that its maps can be compared with one's own.

"LLMs Know More Than They Show" (Orgad et al., arXiv 2410.02707) fits scikit-learn's logistic regression on raw states
with C = 1 and 100 iterations, on four fifths of the answers, and scores it on the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from truthmap.arrays import Bools
from truthmap.probes.cell_scores import CellScores, score_cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.linear import LinearProbe
from truthmap.probes.recipe import CellInput, ProbeRecipe, Targets, fit_one_by_one
from truthmap.seeding import uniform_from

C, ITERATIONS, TEST_SHARE = 1.0, 100, 0.2


class PaperRecipe:
    """Logistic regression on raw states, stopped at 100 iterations; see `ProbeRecipe`."""

    def fitting(self) -> AbstractContextManager[None]:
        """Say nothing of probes that stop early."""
        return ignore_convergence_warnings()

    def fit_cell(
        self, states: torch.Tensor, labels: LabelledAnswers, targets: Targets, settings: GridSettings
    ) -> list[CellScores]:
        """Fit the cell on four fifths of the answers; only the other fifth has scores."""
        return [fit_cell_paper_protocol(states, y, labels, settings) for y in targets.y]

    def fit_cells(
        self, cells: Sequence[CellInput], labels: LabelledAnswers, targets: Targets, settings: GridSettings
    ) -> list[list[CellScores]]:
        """Fit the cells one after the other."""
        return fit_one_by_one(self, cells, labels, targets, settings)

    def learns_from(self, labels: LabelledAnswers, settings: GridSettings) -> Bools:
        """The four fifths."""
        return ~held_out(labels, settings.seed)

    def refit(self, states: torch.Tensor, y: Bools, c: float) -> LinearProbe:  # noqa: ARG002 (of the protocol)
        """Fit the probe; its C is always 1."""
        return fit_paper_protocol(states, y)


RECIPE: ProbeRecipe = PaperRecipe()


def fit_cell_paper_protocol(
    states: torch.Tensor, y: Bools, labels: LabelledAnswers, settings: GridSettings
) -> CellScores:
    """Fit a cell on four fifths of the answers: states (n, d), y bool (n,); only the other fifth has scores."""
    scored = held_out(labels, settings.seed)
    scores = np.full(len(y), np.nan, dtype=np.float32)
    null = np.empty(0)
    few = min(int(y.sum()), int((~y).sum())) < settings.fewest
    if few or any(part.all() or not part.any() for part in (y[scored], y[~scored])):
        return CellScores({"n": len(y), "n_right": int(y.sum())}, scores, null)
    probe = fit_paper_protocol(states[~scored], y[~scored])
    there = probe.score(states[scored].double().cpu().numpy())
    fit = score_cell(there, y[scored], labels.take(scored), settings)
    scores[scored] = fit.scores
    counts = {"n": len(y), "n_right": int(y.sum())}
    return CellScores({**fit.numbers, **counts, "c": C, "converged": probe.converged, "gap": np.nan}, scores, null)


def fit_paper_protocol(states: torch.Tensor, y: Bools) -> LinearProbe:
    """Fit scikit-learn's logistic regression on raw states (n, d), stopped at 100 iterations, converged or not.

    It warns where it stopped early; `ignore_convergence_warnings` keeps that quiet.
    """
    raw = states.double().cpu().numpy()
    model = LogisticRegression(C=C, max_iter=ITERATIONS).fit(raw, y)
    width = raw.shape[1]
    return LinearProbe(
        weight=model.coef_[0].astype(np.float64),
        bias=float(model.intercept_[0]),
        mean=np.zeros(width),
        scale=np.ones(width),
        c=C,
        converged=bool(model.n_iter_[0] < ITERATIONS),
        gap=float("nan"),
    )


@contextmanager
def ignore_convergence_warnings() -> Iterator[None]:
    """Say nothing of probes that stopped early: it is what the protocol is known for, and each probe records it.

    Threads share the filters of warnings, so this stands around all of them, not inside each.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def held_out(labels: LabelledAnswers, seed: int) -> Bools:
    """Say which answers of train + validation the paper's probes are scored on: a fifth, drawn by question group."""
    # The label of the draw is older than the protocol's name, and stays: the draw depends on it.
    return np.array([uniform_from("study", seed, group) < TEST_SHARE for group in labels.group], dtype=bool)
