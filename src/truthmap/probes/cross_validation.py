"""Cross-validation of probes: each answer is scored by a probe that did not see it, all probes with one intercept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.probes.linear import standardise
from truthmap.probes.solver.path import Problems, solve_path
from truthmap.probes.solver.products import transpose_matmul
from truthmap.shown import ShortRepr

_DECIMALS = 6  # of log-odds: as many as float32 holds
LEAST_SCALE = (
    1e-6  # of a feature's spread over all answers: below, it is constant in a training part and keeps a scale of 1
)

_CANCELLED = 0.01  # of the mean square: at most what a variance leaves of it


def usable(states: torch.Tensor, present: Bools) -> Bools:
    """Say which answers have a finite state at a position: states (n, d), present bool (n,).

    An overflow of half precision leaves no state to learn from: it is missing, and the cell counts one answer fewer.
    """
    finite = torch.isfinite(states.sum(dim=1, dtype=torch.float64))
    return np.asarray(present & finite.cpu().numpy())


@dataclass(frozen=True)
class CellStates:
    """The states of one cell, with F training parts.

    Attributes:
        x: float32 (n, d), centred and scaled over all n answers.
        member: float32 (F, n), 1 where an answer belongs to a training part.
        scale: float32 (F, d), spread of each feature of `x` in each training part; 1 where it is constant there.
        held_out: int64 (n,), for each answer the training part that lacks it and scores it.
    """

    x: torch.Tensor
    member: torch.Tensor
    scale: torch.Tensor
    held_out: torch.Tensor

    @classmethod
    def by_fold(cls, states: torch.Tensor, fold: Ints) -> CellStates:
        """Prepare states (n, d) of answers in folds, int64 (n,): each training part is all that one fold leaves."""
        folds = np.unique(fold)
        return cls.of(states, fold[None] != folds[:, None], np.searchsorted(folds, fold))

    @classmethod
    def of(cls, states: torch.Tensor, training: Bools, held_out: Ints) -> CellStates:
        """Prepare states (n, d); `training` is bool (F, n), `held_out` int64 (n,)."""
        x = standardise(states).x
        member = torch.from_numpy(training).to(x)
        spread = _spread(x, member / member.sum(dim=1, keepdim=True))
        scale = torch.where(spread > LEAST_SCALE, spread, 1.0)
        return cls(x, member, scale, torch.from_numpy(held_out).to(x.device))

    def problems(self, y: Bools) -> Problems:
        """Return a problem for each label vector of y: bool (K, n), and training part: K · F rows, part by part."""
        signs = torch.from_numpy(np.where(y, 1.0, -1.0)).to(self.x)
        n_parts = len(self.member)
        return Problems(
            self.x,
            self.scale.repeat(len(y), 1),
            signs.repeat_interleave(n_parts, dim=0),
            self.member.repeat(len(y), 1),
        )


def scores_left_out(
    scores: torch.Tensor, member: torch.Tensor, held_out: torch.Tensor, decimals: int = _DECIMALS
) -> torch.Tensor:
    """Return each answer's score by the model that did not see it, of K label vectors: float (…, n).

    The models of the training parts are brought to one intercept: a part short of right answers has a low intercept
    just where the answers left out have many, and that alone pushes the AUC of pure noise below 0.5.

    Args:
        scores: float (…, F, n), what the model of each training part says of every answer.
        member: float (F, n), or what goes with `scores`: 1 where an answer belongs to a training part.
        held_out: int64 (n,), for each answer the training part that lacks it.
        decimals: Of log-odds, to keep: where all features are alike, only rounding would tell the answers apart.
    """
    own_mean = (scores * member).sum(dim=-1) / member.sum(dim=-1)
    shift = own_mean.mean(dim=-1, keepdim=True) - own_mean
    scores = torch.round(scores + shift[..., None], decimals=decimals)
    return scores.gather(-2, held_out.expand(*scores.shape[:-2], 1, -1))[..., 0, :]


def _spread(x: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation of each column of x (n, d) in each part: float (F, d); share (F, n) sums to 1."""
    mean, square = transpose_matmul(share, x), transpose_matmul(share, x.square())
    variance = square - mean.square()
    # Where a part's mean makes up most of its squares, rounding would be most of their difference.
    for part, column in (variance < _CANCELLED * square).nonzero().tolist():
        variance[part, column] = share[part] @ (x[:, column] - mean[part, column]).square()
    return variance.sqrt()


@dataclass(frozen=True, repr=False)
class OutOfFoldScores(ShortRepr):
    """What the cross-validated probes of K label vectors say at one C.

    Attributes:
        c: The inverse strength of regularisation.
        scores: float64 (K, n), each answer's log-odds by the probe that did not see it.
        gap: float64 (K,), the worst certificate of a label vector's probes.
        converged: bool (K,), all of them are at their optimum.
    """

    c: float
    scores: Floats
    gap: Floats
    converged: Bools


def cross_validate(cell: CellStates, y: Bools, cs: Sequence[float]) -> Iterator[OutOfFoldScores]:
    """Fit the probes of all training parts for y: bool (K, n), score the answers left out, for each C from below."""
    n_labels, n_parts = len(y), len(cell.member)
    for solutions in solve_path(cell.problems(y), cs):
        scores = scores_left_out(solutions.scores.view(n_labels, n_parts, -1), cell.member, cell.held_out)
        yield OutOfFoldScores(
            solutions.c,
            scores.double().cpu().numpy(),
            solutions.gap.view(n_labels, n_parts).amax(dim=1).double().cpu().numpy(),
            solutions.converged.view(n_labels, n_parts).all(dim=1).cpu().numpy(),
        )


def out_of_fold(x: torch.Tensor, y: Bools, fold: Ints, c: float) -> Floats:
    """Return each answer's log-odds of being right by a probe that did not see its fold: float64 (n,).

    Args:
        x: float (n, d).
        y: bool (n,), whether each answer is right.
        fold: int64 (n,), which answers are held out together; none of the test part's.
        c: Inverse strength of regularisation.

    Raises:
        NotEnoughDataError: a training part lacks an outcome.
    """
    return np.asarray(out_of_fold_path(x, y, fold, [c])[0].scores[0])


def out_of_fold_path(x: torch.Tensor, y: Bools, fold: Ints, cs: Sequence[float]) -> list[OutOfFoldScores]:
    """Return what `out_of_fold` does for each C, the smallest first: K is 1.

    Raises:
        NotEnoughDataError: a training part lacks an outcome.
    """
    for each in np.unique(fold):
        training = y[fold != each]
        if training.all() or not training.any():
            raise NotEnoughDataError(
                f"without fold {each}, {int(training.sum())} of {len(training)} answers are right: a probe needs both; "
                "ask more questions"
            )
    return list(cross_validate(CellStates.by_fold(x, fold), y[None], cs))


def best_on_path(path: Sequence[OutOfFoldScores], y: Bools) -> OutOfFoldScores:
    """Return what the probes say at the C that is chosen for labels y: bool (n,), K being 1 on the whole path."""
    return path[highest_auc(np.concatenate([each.scores for each in path]), y)]


def highest_auc(scores: Floats, y: Bools) -> int:
    """Return which row of out-of-fold scores (C, n) has the highest AUC, the first of equals: how a C is chosen."""
    return int(np.argmax(auc_values(round_scores(scores), y)))
