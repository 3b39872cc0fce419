from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from truthmap.analyses.audit.measure import Annotation, auc_range, measure_agreement
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.intervals import exact_share_of
from truthmap.records import Outcome

R, W, U = Outcome.RIGHT, Outcome.WRONG, Outcome.UNSCORED


def share_of(hits: list[bool]) -> Estimate:
    return exact_share_of(np.array(hits, dtype=bool))


def rows(right_right: int, right_wrong: int, wrong_right: int, wrong_wrong: int) -> list[Annotation]:
    """So many rows by (graded, by hand)."""
    return (
        [Annotation(R, R)] * right_right
        + [Annotation(R, W)] * right_wrong
        + [Annotation(W, R)] * wrong_right
        + [Annotation(W, W)] * wrong_wrong
    )


def test_intervals_are_the_exact_binomial_ones() -> None:
    for k, n in ((0, 10), (3, 20), (20, 20)):
        share = share_of([True] * k + [False] * (n - k))
        exact = binomtest(k, n).proportion_ci(method="exact")
        assert (share.low, share.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_agreement_and_kappa_in_proportion_are_those_of_scikit_learn() -> None:
    annotations = rows(18, 2, 3, 27)
    found = measure_agreement(annotations, right=20, wrong=30)
    graded, annotated = [row.graded for row in annotations], [row.annotated for row in annotations]
    assert found.agreement == pytest.approx(45 / 50)
    assert found.kappa == pytest.approx(cohen_kappa_score(graded, annotated))
    assert (found.falsely_right.value, found.falsely_wrong.value) == pytest.approx((2 / 20, 3 / 30))
    assert found.auc is None


def test_a_sample_out_of_proportion_is_weighed_by_the_runs_counts() -> None:
    found = measure_agreement(rows(18, 2, 0, 20), right=900, wrong=100)
    assert found.agreement == pytest.approx(0.9 * 0.9 + 0.1)


def test_the_true_auc_is_found_through_errors_blind_to_the_score() -> None:
    dice = np.random.default_rng(0)
    truth = dice.random(200_000) < 0.4
    scores = dice.normal(size=len(truth)) + 1.2 * truth
    flipped = np.where(truth, dice.random(len(truth)) < 0.1, dice.random(len(truth)) < 0.05)
    graded = truth ^ flipped
    measured = float(roc_auc_score(graded, scores))
    a = share_of((~truth[graded])[:50_000].tolist())
    b = share_of(truth[~graded][:50_000].tolist())
    found = auc_range(measured, a, b, (int(graded.sum()), int((~graded).sum())))
    true_auc = float(roc_auc_score(truth, scores))
    assert measured < true_auc - 0.03
    assert found.corrected is not None
    assert found.corrected.value == pytest.approx(true_auc, abs=0.006)
    assert found.corrected.low < found.corrected.value < found.corrected.high
    assert found.least <= true_auc <= found.most


@given(st.integers(0, 2**32 - 1))
def test_the_outer_bounds_hold_however_the_errors_lie(seed: int) -> None:
    dice = np.random.default_rng(seed)
    n = int(dice.integers(6, 40))
    truth, graded = dice.random(n) < 0.5, dice.random(n) < 0.5
    scores = dice.integers(0, 9, n)
    if len({*truth.tolist()}) < 2 or len({*graded.tolist()}) < 2:
        return
    a, b = share_of((~truth[graded]).tolist()), share_of(truth[~graded].tolist())
    found = auc_range(float(roc_auc_score(graded, scores)), a, b, (int(graded.sum()), int((~graded).sum())))
    assert found.least - 1e-9 <= roc_auc_score(truth, scores) <= found.most + 1e-9


@pytest.mark.parametrize("measured", [0.0, 0.2, 0.45, 0.5, 0.7])
@pytest.mark.parametrize("hits", [(0, 0), (3, 5), (14, 4), (9, 10)])
def test_the_range_is_mirrored_where_the_scores_are(measured: float, hits: tuple[int, int]) -> None:
    """Below 0.5 as above: an AUC turned over has its range turned over, and its ends in order."""
    a, b = (share_of([n < k for n in range(20)]) for k in hits)
    one, other = auc_range(measured, a, b, (40, 60)), auc_range(1 - measured, a, b, (40, 60))
    assert (one.least, one.most) == pytest.approx((1 - other.most, 1 - other.least))
    assert one.corrected is not None
    assert other.corrected is not None
    assert one.corrected.low <= one.corrected.value <= one.corrected.high
    assert one.corrected.low == pytest.approx(1 - other.corrected.high)
    assert one.corrected.high == pytest.approx(1 - other.corrected.low)


def test_perfect_grades_leave_the_auc_where_it_is() -> None:
    found = measure_agreement(rows(20, 0, 0, 20), 50, 50, auc=0.8).auc
    assert found is not None
    assert found.corrected is not None
    assert found.corrected.value == found.corrected.low == pytest.approx(0.8)
    # Twenty rows of each without an error do not exclude one in six.
    assert 0.4 < found.least < 0.6
    assert 0.9 < found.most <= 1
    surer = measure_agreement(rows(2000, 0, 0, 2000), 50, 50, auc=0.8).auc
    assert surer is not None
    assert (surer.least, surer.most) == pytest.approx((0.8, 0.8), abs=0.01)


def test_grades_no_better_than_chance_say_nothing_about_the_auc() -> None:
    found = measure_agreement(rows(5, 5, 5, 5), 50, 50, auc=0.5).auc
    assert found is not None
    assert found.corrected is None
    assert (found.least, found.most) == pytest.approx((0.0, 1.0), abs=0.3)


def test_unscored_rows_and_judged_spans_are_counted_apart() -> None:
    checked = [
        *rows(1, 0, 0, 1),
        Annotation(U, R),
        Annotation(U, W),
        Annotation(R, R, span_is_good=True),
        Annotation(W, W, False),
    ]
    found = measure_agreement(checked, 10, 10)
    assert found.unscored_right.counted.startswith("1 of 2 = 50%")
    assert found.good_spans.counted.startswith("1 of 2 = 50%")
    assert found.rows == 6


def test_too_little_filled_in_is_refused_with_the_counts() -> None:
    with pytest.raises(NotEnoughDataError, match=r"0 rows graded right and 2 graded wrong.*outcome_by_hand"):
        measure_agreement(rows(0, 0, 0, 2), 10, 10)


def test_below_one_half_the_correction_keeps_its_ends_in_order() -> None:
    found = measure_agreement(rows(18, 2, 3, 27), 20, 30, auc=0.4).auc
    assert found is not None
    assert found.corrected is not None
    assert found.corrected.low < found.corrected.value < found.corrected.high < 0.4
