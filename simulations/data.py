"""Answers with known truth: independent, grouped, tied, tiny, one outcome rare."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm


@dataclass(frozen=True)
class Drawn:
    """Scored answers.

    Attributes:
        scores: float64 (n,), higher means right.
        rival: float64 (n,), another score of the same answers.
        y: bool (n,), whether each is right.
        group: The group of each.
    """

    scores: np.ndarray
    rival: np.ndarray
    y: np.ndarray
    group: list[str]


@dataclass(frozen=True)
class Population:
    """Where answers are drawn from: scores of right and wrong answers are normal, `shift` apart.

    Attributes:
        groups, size: How many groups, and answers in each.
        shift, rival_shift: How far right answers lie above wrong ones; `None`: the rival is constant.
        right: The share of right answers.
        shared: The share of the scores' and of the outcomes' variance that the answers of a group have in common.
        together: Correlation of score and rival beside that.
        levels: Scores take so many values; 0: all differ.
        copies: Each answer stands there so many times, as a group.
    """

    groups: int
    size: int = 1
    shift: float = 0.0
    rival_shift: float | None = 0.0
    right: float = 0.5
    shared: float = 0.5
    together: float = 0.5
    levels: int = 0
    copies: int = 1

    @property
    def auc(self) -> float:
        """The true AUC of the scores."""
        return auc_of(self.shift, self.levels)

    @property
    def gain(self) -> float:
        """The true AUC of the scores minus that of the rival."""
        rival = 0.5 if self.rival_shift is None else auc_of(self.rival_shift, self.levels)
        return self.auc - rival

    def draw(self, seed: int) -> Drawn:
        """Draw answers, at least two of each outcome: draws without them are made anew."""
        for attempt in range(1000):
            drawn = self._draw(np.random.default_rng([seed, attempt]))
            if 2 <= drawn.y.sum() <= len(drawn.y) - 2:
                return drawn
        raise ValueError(f"{self} never has two answers of each outcome")

    def _draw(self, random: np.random.Generator) -> Drawn:
        n = self.groups * self.size
        of = np.repeat(np.arange(self.groups), self.size)
        common = self.shared if self.size > 1 else 0.0

        def latent() -> np.ndarray:
            own, both = random.normal(size=n), random.normal(size=self.groups)
            return np.asarray(np.sqrt(common) * both[of] + np.sqrt(1 - common) * own)

        y = latent() < norm.ppf(self.right)
        noise = latent()
        other = self.together * noise + np.sqrt(1 - self.together**2) * latent()
        scores = binned(noise + self.shift * y, self.levels)
        rival = np.zeros(n) if self.rival_shift is None else binned(other + self.rival_shift * y, self.levels)
        names = [str(g) for g in of] if self.size > 1 else [str(k) for k in range(n)]
        drawn = Drawn(scores, rival, y, names)
        return _copied(drawn, self.copies) if self.copies > 1 else drawn


def binned(values: np.ndarray, levels: int) -> np.ndarray:
    """Put values into so many classes of equal width between -2 and 3; 0: leave them as they are."""
    return values if levels == 0 else np.digitize(values, _edges(levels)).astype(np.float64)


def auc_of(shift: float, levels: int = 0) -> float:
    """Return the AUC of two normal distributions that lie `shift` apart, in classes where there are some."""
    if levels == 0:
        return float(norm.cdf(shift / np.sqrt(2)))
    edges = np.concatenate([[-np.inf], _edges(levels), [np.inf]])
    right, wrong = np.diff(norm.cdf(edges - shift)), np.diff(norm.cdf(edges))
    return float(right @ (np.cumsum(wrong) - wrong / 2))


def _edges(levels: int) -> np.ndarray:
    return np.linspace(-2, 3, levels + 1)[1:-1]


def _copied(drawn: Drawn, copies: int) -> Drawn:
    return replace(
        drawn,
        scores=np.tile(drawn.scores, copies),
        rival=np.tile(drawn.rival, copies),
        y=np.tile(drawn.y, copies),
        group=drawn.group * copies,
    )
