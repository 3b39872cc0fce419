"""Fitting a head: refit, calibrate out of fold, find thresholds with a guarantee, measure once on the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats, Floats32, Ints
from truthmap.detector.acceptance import AllAnswers, coverage_curve
from truthmap.detector.config import CellAt, HeadConfig, OODThreshold, Role
from truthmap.detector.fit_calibration import fit_calibrator, reliability
from truthmap.detector.fit_ood import fit_gaussian_ood
from truthmap.detector.guarantee import Risk, RiskGuarantee, guarantee_risk
from truthmap.detector.heads import Head, SelfTest, score_states
from truthmap.detector.ood import calibration_rows, conformal_threshold
from truthmap.detector.readout import fit_readout
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.intervals import exact_share_of

_SELF_TESTS = 8


@dataclass(frozen=True)
class SealSettings:
    """What a detector is to guarantee.

    Attributes:
        limit: The selective risk (share of answers graded wrong among the accepted ones) whose threshold decides
            between trust and don't trust.
        more_limits: Further limits that are tried, for both kinds of risk.
        confidence: How sure each guarantee is, taken for itself.
        false_alarms: The share of answers like the training ones that may be flagged as out of distribution.
    """

    limit: float = 0.10
    more_limits: tuple[float, ...] = (0.05, 0.10, 0.20)
    confidence: float = 0.95
    false_alarms: float = 0.01

    def __post_init__(self) -> None:
        for name in ("limit", "confidence", "false_alarms"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise UsageError(f"{name} must lie between 0 and 1, got {value}")


@dataclass(frozen=True)
class HeadData:
    """Scored answers that have the head's cells.

    Attributes:
        role: When the head is used.
        cells: Its K cells, each with the C that was chosen on train + validation.
        states: float32 (n, K, d).
        right: bool (n,).
        fold: int64 (n,), cross-validation fold, -1 in the test part.
        group: What belongs together, n of them: the tests behind a guarantee need independent answers.
        record_index: int64 (n,), which training record each answer is; -1 in the test part.
        stack_c: The inverse strength of regularisation of the stack of several cells, as a run measured it; `None`: it
            is chosen by cross-validation, or there is one cell only.
        among: All answers of the run; `None`: these are all, and each can be accepted.
    """

    role: Role
    cells: tuple[CellAt, ...]
    states: Floats32
    right: Bools
    fold: Ints
    group: tuple[str, ...]
    record_index: Ints
    stack_c: float | None = None
    among: AllAnswers | None = None

    @property
    def all_answers(self) -> AllAnswers:
        """All answers of the run, these among them."""
        n = len(self.right)
        everyone = AllAnswers(np.arange(n), self.right, self.fold, self.group, np.ones(n, dtype=bool))
        return self.among or everyone


@dataclass(frozen=True)
class FittedHead:
    """A head, and which of the answers it was made from it flags as out of distribution: bool (n,)."""

    head: Head
    flagged: Bools


def fit_head(data: HeadData, settings: SealSettings) -> FittedHead:
    """Fit a head on train + validation and measure it on the test part.

    Calibration uses out-of-fold scores of train + validation; the out-of-distribution threshold is set on folds of it
    that the distance is not fitted to. The guarantees of the answer head are tested on all answers of the test part:
    nothing was chosen on it, as they demand.

    Raises:
        NotEnoughDataError: right or wrong answers are lacking in the training parts or in the test part.
    """
    known = data.fold >= 0
    _require_both(data, known)
    readout = fit_readout(data.states, data.right, data.fold, tuple(cell.C for cell in data.cells), data.stack_c)
    scores = np.where(known, readout.held_out, score_states(data.states, readout.weight, readout.bias))
    calibrator = fit_calibrator(scores[known], data.right[known], data.fold[known])
    flat = data.states.reshape(len(data.states), -1)
    fitted_to, setting = calibration_rows(data.fold, data.group, settings.false_alarms)
    gaussian = fit_gaussian_ood(flat[fitted_to])
    tested = [data.group[n] for n in np.flatnonzero(~known)]
    distances = gaussian.distance(flat)
    ood = _ood_threshold(distances[setting], distances[~known], tested, settings)
    flagged = distances > ood.threshold
    # What is flagged is not accepted, here as in use.
    reachable = np.where(flagged, -np.inf, scores)
    config = HeadConfig(
        role=data.role,
        cells=data.cells,
        stack_c=readout.stack_c,
        n_fitted=int(known.sum()),
        n_fitted_right=int(data.right[known].sum()),
        test=auc_estimate(scores[~known], data.right[~known], tested),
        calibration=calibrator,
        reliability=reliability(calibrator.p_wrong(scores[~known]), data.right[~known], tested),
        guarantees=_guarantees(data.all_answers, reachable, settings) if data.role is Role.ANSWER else (),
        risk_coverage=coverage_curve(data.all_answers.testing(reachable)),
        ood=ood,
    )
    coordinates = gaussian.coordinates(flat[known]).astype(np.float32)
    head = Head(config, readout.weight, readout.bias, gaussian, coordinates, data.record_index[known], _NO_TEST)
    return FittedHead(_with_self_test(head, data.states), flagged)


_NO_TEST = SelfTest(np.empty((0, 1, 1), dtype=np.float32), np.empty(0), np.empty(0))


def _require_both(data: HeadData, known: Bools) -> None:
    for name, part in (("train + validation", known), ("the test part", ~known)):
        n_right, n_wrong = int(data.right[part].sum()), int((~data.right[part]).sum())
        if min(n_right, n_wrong) < 2:
            where = ", ".join(f"layer {cell.layer} {cell.position}" for cell in data.cells)
            raise NotEnoughDataError(
                f"{name} has {n_right} right and {n_wrong} wrong answers with the cell {where}: a detector needs at "
                "least 2 of each; ask more questions (a larger --limit) or choose another cell"
            )


def _guarantees(answers: AllAnswers, scores: Floats, settings: SealSettings) -> tuple[RiskGuarantee, ...]:
    choosing, testing = answers.choosing(scores), answers.testing(scores)
    wanted = [(Risk.SELECTIVE_RISK, settings.limit)]
    wanted += [(risk, limit) for risk in Risk for limit in settings.more_limits]
    return tuple(
        guarantee_risk(risk, limit, choosing, testing, settings.confidence) for risk, limit in dict.fromkeys(wanted)
    )


def _ood_threshold(setting: Floats, testing: Floats, group: Sequence[str], settings: SealSettings) -> OODThreshold:
    """Set the threshold on the distances `setting`, and count how many of the test answers' lie above it."""
    found = conformal_threshold(setting, settings.false_alarms)
    return OODThreshold(
        threshold=found.distance,
        target_rate=found.rate,
        false_alarms=exact_share_of(testing > found.distance, group),
    )


def _with_self_test(head: Head, states: Floats32) -> Head:
    """Keep a few states, from the lowest score to the highest, with what they give."""
    order = np.argsort(head.score(states), kind="stable")
    chosen = states[order[np.linspace(0, len(order) - 1, min(len(order), _SELF_TESTS)).round().astype(int)]]
    test = SelfTest(chosen, head.score(chosen), head.distance(chosen))
    return Head(head.config, head.weight, head.bias, head.gaussian, head.coordinates, head.record_index, test)
