"""The area under the ROC curve, of many score vectors at once: ties count one half."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.estimate import Estimate

_DECIMALS = 6  # scores closer than this, relative to their spread, are ties: rounding noise must not break them


@dataclass(frozen=True)
class Placements:
    """Where each answer stands among those of the other outcome, for m score vectors.

    Attributes:
        right: float64 (m, n_right): share of the wrong answers below each right one; its mean is the AUC.
        wrong: float64 (m, n_wrong): share of the right answers above each wrong one.
    """

    right: Floats
    wrong: Floats

    @property
    def auc(self) -> Floats:
        """The AUCs, float64 (m,)."""
        return np.asarray(self.right.mean(axis=1), dtype=np.float64)


def auc_values(scores: Floats, y: Bools) -> Floats:
    """Return the AUC of every row of scores float (m, n) for the labels y: bool (n,), ties one half: float64 (m,).

    For an AUC with its interval see `auc_many`.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    return placements(scores, y).auc


def round_scores(scores: Floats) -> Floats:
    """Round each row of scores (m, n) to its own precision, so that exact ties stay ties.

    Row spread × 1e-6 is far above float32's noise in a dot product and far below any difference that matters.
    """
    centre = np.median(scores, axis=-1, keepdims=True)
    return np.round((scores - centre) / _spread(scores), _DECIMALS)


def _tied_keys(scores: Floats) -> Ints:
    """Return integers in the order of each row of scores (m, n): one integer for scores that rounding makes ties."""
    return np.rint(scores / _spread(scores) * 10.0**_DECIMALS).astype(np.int64)


def _spread(scores: Floats) -> Floats:
    spread = np.std(scores, axis=-1, keepdims=True)
    return np.where(spread > 0, spread, 1.0)


def placements(scores: Floats, y: Bools) -> Placements:
    """Return each answer's placement value (Hanley and Hajian-Tilaki 1997); ties count one half.

    Args:
        scores: float (m, n), higher means right.
        y: bool (n,), the same for all rows.

    Raises:
        NotEnoughDataError: all answers are right, or all are wrong.
    """
    right, wrong = scores[:, y], scores[:, ~y]
    n_right, n_wrong = right.shape[1], wrong.shape[1]
    if not n_right or not n_wrong:
        raise NotEnoughDataError(f"an AUC needs right and wrong answers, got {n_right} right and {n_wrong} wrong")
    ranks = rankdata(np.concatenate([right, wrong], axis=1), axis=1)
    return Placements(
        right=(ranks[:, :n_right] - rankdata(right, axis=1)) / n_wrong,
        wrong=1 - (ranks[:, n_right:] - rankdata(wrong, axis=1)) / n_right,
    )


def auc_rowwise(scores: Floats, y: Bools) -> Floats:
    """Return the AUC of each row of scores (K, n) for its own labels (K, n): float64 (K,); ties count one half.

    Scores that differ by rounding alone are ties. A row with one outcome only gives NaN.
    """
    # Sorting numbers that carry a label in the last bit is several times faster than ranking them. Labels decide ties:
    # the right answers of a tie come last once, and first once, and the mean counts them as one half.
    keys, place = 2 * _tied_keys(scores), np.arange(y.shape[1], dtype=np.float64)
    n_right, n_wrong = y.sum(axis=1), (~y).sum(axis=1)
    places = [(np.sort(keys + last, axis=1) & 1) @ place for last in (y, ~y)]
    right = (places[0] + place.sum() - places[1]) / 2
    return np.asarray((right - n_right * (n_right - 1) / 2) / (n_right * n_wrong), dtype=np.float64)


def auc_from_counts(auc: float, n_right: int, n_wrong: int) -> Estimate:
    """Return an AUC with the 95 % interval that its size and the counts alone imply.

    The standard error is that of Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve" (Radiology 1982).
    """
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_right - 1) * (one - auc**2) + (n_wrong - 1) * (two - auc**2)
    half = float(norm.ppf(0.975) * np.sqrt(spread / (n_right * n_wrong)))
    return Estimate(value=auc, low=max(0.0, auc - half), high=min(1.0, auc + half), n=n_right + n_wrong)
