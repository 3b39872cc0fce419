"""Several cells at once, stacked on a device: their states, what cross-validation says of them, and their null."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import Bools, Floats, Ints
from truthmap.probes.cross_validation import LEAST_SCALE, OutOfFoldScores, scores_left_out
from truthmap.probes.device_auc import auc_rows
from truthmap.probes.solver.cells import solve_cells
from truthmap.probes.solver.path import Problems

_CONSTANT = 1e-7  # spread, relative to the mean: a column with less is constant but for rounding


@dataclass(frozen=True)
class CellBatch:
    """The states of S cells for the same n answers, with F training parts.

    Attributes:
        x: float32 (S, n, d), centred and scaled over the answers that have the position; zero where one has not.
        here: bool (S, n), whether an answer has the position.
        member: float32 (S, F, n), 1 where an answer belongs to a training part.
        scale: float32 (S, F, d), spread of each feature of `x` in each training part; 1 where it is constant there.
        held_out: int64 (n,), for each answer the training part that lacks it and scores it.
    """

    x: torch.Tensor
    here: torch.Tensor
    member: torch.Tensor
    scale: torch.Tensor
    held_out: torch.Tensor

    @classmethod
    def by_fold(cls, states: torch.Tensor, here: Bools, fold: Ints) -> CellBatch:
        """Prepare states (S, n, d) on their device: here bool (S, n), fold int64 (n,), every fold in every cell."""
        folds = np.unique(fold)
        there = torch.from_numpy(here).to(states.device)
        x = _standardised(states, there)
        training = torch.from_numpy(fold[None] != folds[:, None]).to(states.device)
        member = (training[None] & there[:, None]).to(x)
        held_out = torch.from_numpy(np.searchsorted(folds, fold)).to(states.device)
        return cls(x, there, member, _spreads(x, member), held_out)

    def cross_validate(self, y: Bools, cs: Sequence[float]) -> Iterator[list[OutOfFoldScores]]:
        """Fit the probes of all parts for y: bool (K, n), for each C from below; a list of what each cell's say.

        The scores of answers that lack the position mean nothing.
        """
        cells, parts, n = self.member.shape
        labels = len(y)
        signs = torch.from_numpy(np.where(y, 1.0, -1.0)).to(self.x).repeat_interleave(parts, dim=0)
        rows = cells * labels * parts
        member = self.member.repeat(1, labels, 1).reshape(rows, n)
        problems = Problems(self.x, self.scale.repeat(1, labels, 1).reshape(rows, -1), signs.repeat(cells, 1), member)
        for found in solve_cells(problems, cs):
            shape = (cells, labels, parts)
            scores = scores_left_out(found.scores.view(*shape, n), self.member[:, None], self.held_out)
            gap = found.gap.view(shape).amax(dim=2).double().cpu().numpy()
            converged = found.converged.view(shape).all(dim=2).cpu().numpy()
            said = scores.double().cpu().numpy()
            yield [OutOfFoldScores(found.c, said[s], gap[s], converged[s]) for s in range(cells)]

    @torch.inference_mode()
    def null_aucs(self, shuffled: Bools, cs: Sequence[float]) -> Floats:
        """Return the AUC that each row of shuffled labels reaches in each cell, at the best C: float64 (S, R).

        It is `permutation.null_aucs`, by one factorization for each training part and C instead of one decomposition
        for all: factorizations can be stacked. They are of float64, as those of float32 are not exact enough at a large
        C.

        Args:
            shuffled: bool (R, n). A row with one outcome only in a training part of a cell gets 0.5 there.
            cs: Values of C.
        """
        if not len(shuffled):
            return np.empty((len(self.x), 0))
        y = torch.from_numpy(shuffled.T).to(self.x.device, torch.float64)  # (n, R)
        present = self.here.to(torch.float64)
        count, right = self.member.double().sum(dim=2, keepdim=True), self.member.double() @ y  # (S, F, 1), (S, F, R)
        usable = ((right > 0) & (right < count)).all(dim=1)
        base = present @ y / present.sum(dim=1, keepdim=True)
        curvature = (base * (1 - base) * usable).sum(dim=1) / usable.sum(dim=1).clamp(min=1)
        curvature = torch.where(curvature > 0, curvature, 1.0)  # where no row can be used, whatever it is
        reached = [
            auc_rows(scores.mT, y.T.bool(), self.here).cpu().numpy()
            for scores in self._ridge_left_out(y, [c * curvature for c in sorted(cs)])
        ]
        return np.where(usable.cpu().numpy(), np.maximum.reduce(reached), 0.5)

    def _ridge_left_out(self, y: torch.Tensor, strengths: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Score each answer by a ridge regression on the other parts, for each strength (S,): float64 (S, n, R)."""
        by_answer = self.x.shape[1] <= self.x.shape[2]
        products = torch.bmm(self.x, self.x.mT).double() if by_answer else None
        for strength in strengths:
            scores = self.x.new_zeros((*self.x.shape[:2], y.shape[1]), dtype=torch.float64)
            for part in range(self.member.shape[1]):
                left_out = (self.held_out == part).nonzero()[:, 0]
                training = self.member[:, part].double()
                count = training.sum(dim=1, keepdim=True)
                labels = (y[None] - (training @ y / count)[:, None]) * training[:, :, None]
                fitted = (
                    _by_answer(products, training, count, labels, strength, left_out)
                    if products is not None
                    else _by_dimension(self.x, training, count, labels, strength, left_out)
                )
                scores[:, left_out] = fitted
            yield scores


def _by_answer(
    products: torch.Tensor,
    training: torch.Tensor,
    count: torch.Tensor,
    labels: torch.Tensor,
    strength: torch.Tensor,
    left_out: torch.Tensor,
) -> torch.Tensor:
    """Fit through the inner products (S, n, n) of the answers, centred by the training part: (S, left out, R)."""
    mean = torch.bmm(products, training[:, :, None]) / count[:, :, None]  # (S, n, 1)
    whole = torch.bmm(training[:, None], mean) / count[:, :, None]
    centred = products - mean - mean.mT + whole
    core = centred * training[:, :, None] * training[:, None]
    core.diagonal(dim1=1, dim2=2).add_(1 / strength[:, None])
    solved = torch.cholesky_solve(labels, torch.linalg.cholesky(core))
    return torch.bmm(centred[:, left_out], solved)


def _by_dimension(
    x: torch.Tensor,
    training: torch.Tensor,
    count: torch.Tensor,
    labels: torch.Tensor,
    strength: torch.Tensor,
    left_out: torch.Tensor,
) -> torch.Tensor:
    """Fit through the products (S, d, d) of the dimensions of x (S, n, d): (S, left out, R)."""
    mean = torch.bmm(training[:, None].to(x), x) / count[:, :, None].to(x)
    centred = x - mean
    kept = centred * training[:, :, None].to(x)
    core = torch.bmm(kept.mT, kept).double()
    core.diagonal(dim1=1, dim2=2).add_(1 / strength[:, None])
    solved = torch.cholesky_solve(torch.bmm(kept.mT.double(), labels), torch.linalg.cholesky(core))
    return torch.bmm(centred[:, left_out].double(), solved)


def _standardised(states: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
    """Centre and scale the columns of states (S, n, d) over the answers that are there: see `linear.standardise`."""
    x = states.float().where(here[:, :, None], 0.0)
    count = here.sum(dim=1, keepdim=True).double()
    mean = x.sum(dim=1, dtype=torch.float64) / count
    x = (x - mean.float()[:, None]).where(here[:, :, None], 0.0)
    rest = x.sum(dim=1, dtype=torch.float64) / count  # what the mean lost when it was rounded
    scale = (x.square().sum(dim=1, dtype=torch.float64) / count - rest.square()).clamp(min=0).sqrt()
    constant = ~(scale > _CONSTANT * mean.abs().clamp(min=1e-30))
    x = (x - rest.float()[:, None]) / scale.where(~constant, 1.0).float()[:, None]
    return x.where(here[:, :, None] & ~constant[:, None], 0.0)


def _spreads(x: torch.Tensor, member: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation of each column of x (S, n, d) in each part, 1 where there is none: (S, F, d)."""
    share = member / member.sum(dim=2, keepdim=True)
    mean = torch.bmm(share, x)
    spread = torch.empty_like(mean)
    for part in range(member.shape[1]):  # one at a time: each takes as much memory as the states
        square = (x - mean[:, part, None]).square()
        spread[:, part] = torch.bmm(share[:, part, None], square)[:, 0].sqrt()
    return torch.where(spread > LEAST_SCALE, spread, 1.0)
