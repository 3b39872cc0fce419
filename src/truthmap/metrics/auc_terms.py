"""The sampling variance of an AUC, or of a difference of AUCs, as a sum of one term per group of answers.

DeLong's variance (Biometrics 1988) where each answer is a group of its own; Obuchowski's (Biometrics 1997) where
answers that belong together are told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats, Ints
from truthmap.metrics.auc import Placements
from truthmap.metrics.clusters import effective_groups


@dataclass(frozen=True)
class Contributions:
    """What the answers of one outcome add to m statistics, beyond their means.

    Attributes:
        values: float64 (m, k), of k answers; their sum over the answers is zero.
        group: int64 (k,), the number of each answer's group.
        weight: float64 (k,), how much each answer counts; `None`: all alike.
    """

    values: Floats
    group: Ints
    weight: Floats | None = None


@dataclass(frozen=True)
class GroupTerms:
    """Each group's terms in m statistics, and how many groups they rest on.

    Attributes:
        right, wrong: float64 (m, groups), what the group's right and its wrong answers add.
        n_right, n_wrong: float64 (m,), how many equally large groups would hold as much: the numbers of right and of
            wrong answers where every answer stands for itself.
    """

    right: Floats
    wrong: Floats
    n_right: Floats
    n_wrong: Floats

    @classmethod
    def of(cls, right: Contributions, wrong: Contributions, n_groups: int) -> GroupTerms:
        """Sum contributions by group, widened by √(G / (G − 1)) as DeLong's variances have n − 1 for n."""
        return cls(
            *(_summed(each, n_groups) for each in (right, wrong)),
            *(np.full(len(each.values), effective_groups(each.group, each.weight)) for each in (right, wrong)),
        )

    @property
    def both(self) -> Floats:
        """float64 (m, groups): the terms of the whole; the sum of their squares is the variance."""
        return self.right + self.wrong

    @property
    def fewest(self) -> Floats:
        """float64 (m,): the number of groups of the rarer outcome."""
        return np.minimum(self.n_right, self.n_wrong)

    def variance(self, widest: float) -> Floats:
        """Return the sampling variance, float64 (m,).

        Args:
            widest: The variance of a part that has one group only, which tells nothing of it.
        """
        return np.asarray(np.square(self.both).sum(axis=1) + sum(self._unknown(widest)))

    def degrees_of_freedom(self, widest: float, least: Floats) -> Floats:
        """Return Welch's degrees of freedom (m,), as Brunner and Munzel (2000) take them for an AUC.

        Args:
            widest: As of `variance`.
            least: float64 (m,), added to the variance of both outcomes: two of zero do not say how sure they are.
        """
        unknown = self._unknown(widest)
        right = np.square(self.right).sum(axis=1) + unknown[0] + least
        wrong = np.square(self.wrong).sum(axis=1) + unknown[1] + least
        weighed = right**2 / np.maximum(self.n_right - 1, 0.5) + wrong**2 / np.maximum(self.n_wrong - 1, 0.5)
        freedom = np.maximum(self.fewest - 1, 0.5)
        return np.asarray(np.divide((right + wrong) ** 2, weighed, out=freedom, where=weighed > 0))

    def _unknown(self, widest: float) -> tuple[Floats, Floats]:
        return np.where(self.n_right > 1, 0.0, widest), np.where(self.n_wrong > 1, 0.0, widest)


def terms_of(placed: Placements, y: Bools, group: Ints) -> GroupTerms:
    """Return the terms of the means of placement values, or of differences of them.

    Args:
        placed: The values of m score vectors.
        y: bool (n,), the labels that they were taken with.
        group: int64 (n,), the number of each answer's group.
    """
    right, wrong = (
        Contributions((values - values.mean(axis=1, keepdims=True)) / values.shape[1], group[of])
        for values, of in ((placed.right, y), (placed.wrong, ~y))
    )
    return GroupTerms.of(right, wrong, int(group.max()) + 1)


def _summed(each: Contributions, n_groups: int) -> Floats:
    terms = np.zeros((n_groups, len(each.values)))
    np.add.at(terms, each.group, each.values.T)
    count = effective_groups(each.group, each.weight)
    return np.asarray(terms.T * (np.sqrt(count / (count - 1)) if count > 1 else 0.0))
