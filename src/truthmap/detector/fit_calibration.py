"""Fitting what makes P(wrong) of log-odds: a sigmoid or a step curve, whichever does better out of fold."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from truthmap.arrays import Bools, Floats, Ints
from truthmap.detector.calibration import Isotonic, Platt, Reliability, ReliabilityBin
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.clusters import Groups
from truthmap.metrics.intervals import effective_size
from truthmap.metrics.probability import brier_many, ece_many, log_loss
from truthmap.seeding import seed_from

_DRAWS = 200


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
