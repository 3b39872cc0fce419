"""From a probe's log-odds to P(wrong): Platt's sigmoid or an isotonic step curve, whichever does better out of fold."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.clusters import Groups
from truthmap.metrics.intervals import effective_size
from truthmap.metrics.probability import brier_many, ece_many, log_loss
from truthmap.seeding import seed_from

_DRAWS = 200
_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Platt(BaseModel):
    """P(wrong) = 1 / (1 + exp(slope · score + intercept)), slope ≥ 0 (Platt 1999)."""

    model_config = _FROZEN

    method: Literal["platt"] = "platt"
    slope: float = Field(ge=0)
    intercept: float

    def p_wrong(self, scores: Floats) -> Floats:
        """Return P(wrong) of scores (n,): float64 (n,)."""
        return np.asarray(expit(-(self.slope * scores + self.intercept)), dtype=np.float64)


class Isotonic(BaseModel):
    """P(wrong) by linear interpolation between knots, flat outside (Zadrozny and Elkan 2002).

    Attributes:
        scores: Ascending.
        values: P(wrong) at these scores, never ascending; kept off 0 and 1, which no finite sample can show.
    """

    model_config = _FROZEN

    method: Literal["isotonic"] = "isotonic"
    scores: tuple[float, ...] = Field(min_length=1, max_length=100_000)
    values: tuple[Annotated[float, Field(gt=0, lt=1)], ...]

    @model_validator(mode="after")
    def _check_knots(self) -> Isotonic:
        if len(self.scores) != len(self.values):
            raise ValueError(f"{len(self.scores)} scores, but {len(self.values)} values")
        if np.any(np.diff(self.scores) < 0) or np.any(np.diff(self.values) > 0):
            raise ValueError("scores must ascend and values must not")
        return self

    def p_wrong(self, scores: Floats) -> Floats:
        """Return P(wrong) of scores (n,): float64 (n,)."""
        return np.asarray(np.interp(scores, self.scores, self.values), dtype=np.float64)


Calibrator = Annotated[Platt | Isotonic, Field(discriminator="method")]


class ReliabilityBin(BaseModel):
    """Answers with similar scores: their mean P(wrong), and the share of them that is wrong.

    Attributes:
        n: How many answers.
        p_wrong: Their mean P(wrong).
        share_wrong: The share that is wrong.
        n_independent: How many independent answers would tell that share as well; `None`: as many as there are.
    """

    model_config = _FROZEN

    n: int
    p_wrong: float
    share_wrong: float
    n_independent: float | None = None


class Reliability(BaseModel):
    """How well P(wrong) means what it says, on answers that it was not fitted to.

    Attributes:
        bins: Tenths of the answers, the lowest P(wrong) first.
        brier: Mean squared difference between P(wrong) and the outcome, in [0, 1].
        expected_calibration_error: Mean absolute difference between the two in the bins, weighted by their sizes (ECE).
        chance_calibration_error: What that would be on average if every P(wrong) were true: so few answers differ by
            chance.
    """

    model_config = _FROZEN

    bins: tuple[ReliabilityBin, ...]
    brier: float
    expected_calibration_error: float
    chance_calibration_error: float


def fit_platt(scores: Floats, right: Bools) -> Platt:
    """Fit the sigmoid by maximum likelihood, with Platt's softened targets.

    Args:
        scores: float (n,), log-odds of being right.
        right: bool (n,).
    """
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    target = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    x = (scores - centre) / spread

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * x + parameters[1]
        error = expit(z) - target
        value = -(target * log_expit(z) + (1 - target) * log_expit(-z)).sum()
        return float(value), np.array([(error * x).sum(), error.sum()])

    start = np.array([1.0, np.log((n_right + 1) / (n_wrong + 1))])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)], tol=1e-12).x
    slope = float(best[0]) / spread
    return Platt(slope=slope, intercept=float(best[1]) - slope * centre)


def fit_isotonic(scores: Floats, right: Bools) -> Isotonic:
    """Fit the descending step curve by least squares.

    Args:
        scores: float (n,), log-odds of being right.
        right: bool (n,).
    """
    from sklearn.isotonic import IsotonicRegression

    edge = 1 / (len(scores) + 2)
    fitted = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(scores, (~right).astype(float))
    return Isotonic(
        scores=tuple(fitted.X_thresholds_.tolist()),
        values=tuple(np.clip(fitted.y_thresholds_, edge, 1 - edge).tolist()),
    )


def fit_calibrator(scores: Floats, right: Bools, fold: Ints) -> Platt | Isotonic:
    """Fit both calibrators and keep the one with the lower log loss on answers it was not fitted to.

    Args:
        scores: float (n,), out-of-fold log-odds of being right.
        right: bool (n,).
        fold: int (n,), which answers are held out together.

    Raises:
        NotEnoughDataError: a fold's rest is all right, or all wrong.
    """
    folds = np.unique(fold)
    if len(folds) < 2 or any(right[fold != f].all() or not right[fold != f].any() for f in folds):
        raise NotEnoughDataError(
            "calibration needs right and wrong answers outside every fold; ask more questions (a larger --limit)"
        )
    held_out = {kind: np.empty(len(scores)) for kind in (fit_platt, fit_isotonic)}
    for f in folds:
        for kind, predicted in held_out.items():
            predicted[fold == f] = kind(scores[fold != f], right[fold != f]).p_wrong(scores[fold == f])
    better = min(held_out, key=lambda kind: log_loss(held_out[kind], ~right))
    return better(scores, right)


def reliability(p_wrong: Floats, right: Bools, group: Groups = None, n_bins: int = 10) -> Reliability:
    """Compare P(wrong) with the share of wrong answers, in bins of equally many answers.

    Args:
        p_wrong: float64 (n,).
        right: bool (n,).
        group: What belongs together.
        n_bins: How many bins.
    """
    order = np.argsort(p_wrong, kind="stable")
    parts = [part for part in np.array_split(order, n_bins) if len(part)]
    bins = tuple(
        ReliabilityBin(
            n=len(part),
            p_wrong=float(p_wrong[part].mean()),
            share_wrong=float((~right[part]).mean()),
            n_independent=effective_size(~right[part], None if group is None else [group[n] for n in part]),
        )
        for part in parts
    )
    number = np.empty(len(p_wrong), dtype=np.int64)
    for n, part in enumerate(parts):
        number[part] = n
    drawn = np.random.default_rng(seed_from("reliability")).random((_DRAWS, len(p_wrong))) < p_wrong
    return Reliability(
        bins=bins,
        brier=float(brier_many(p_wrong[None], ~right)[0]),
        expected_calibration_error=float(ece_many(p_wrong, ~right, number)[0]),
        chance_calibration_error=float(ece_many(p_wrong, drawn, number).mean()),
    )
