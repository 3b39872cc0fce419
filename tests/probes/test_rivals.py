"""Rivals are chosen where the best cell was, and meet it on the same test answers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from truthmap.grading.free_scores import free_scores
from truthmap.metrics.estimate import Estimate
from truthmap.pipeline.rivals import best_free_score
from truthmap.probes.fit_grid import fit_grids
from truthmap.probes.rivals import Contest
from truthmap.probes.test_part import score_on_test
from truthmap.records import Answer, Grade, Outcome, RowKey, Site, Span

from .conftest import planted
from .test_controls import PLANTED, SETTINGS

LOG_PROBS = (-1.0, -4.0, -0.5, -0.25)
ANSWER = Answer("q", (1,), (2, 3, 4, 5), "a big Lima.", LOG_PROBS, ((0, 1), (1, 5), (5, 10), (10, 11)), finished=True)
GRADE = Grade("q", Outcome.RIGHT, "alias", Span(6, 10), "Lima", "Lima", "")


@pytest.fixture(scope="module")
def contest() -> Contest:
    source, labels = planted(n=300)
    labels = replace(labels, ids=tuple(map(RowKey, labels.ids)))
    fit = fit_grids(source, labels, {"right": labels.y}, Site.RESIDUAL, SETTINGS)["right"]
    test = score_on_test(source, labels, fit.grid, PLANTED, SETTINGS)
    return Contest(labels, test, tuple(fit.out_of_fold.at(PLANTED)))


def telling(contest: Contest, *, seen: float, test: float) -> dict[RowKey, float]:
    """Scores that tell right from wrong so well on train + validation, and so well on the test part."""
    noise = np.random.default_rng(0).standard_normal(len(contest.labels.ids))
    chosen_on = set(contest.seen)
    return {
        i: float(u + (seen if i in chosen_on else test) * y)
        for i, u, y in zip(contest.labels.ids, noise, contest.labels.y, strict=True)
    }


def test_the_test_part_chooses_nothing(contest: Contest) -> None:
    scores = {"here": telling(contest, seen=2.0, test=0.0), "there": telling(contest, seen=0.0, test=5.0)}
    assert contest.best_of(scores) == "here"


def test_a_rival_meets_the_best_cell_on_its_test_answers(contest: Contest) -> None:
    scores = telling(contest, seen=1.0, test=1.0)
    rival = contest.rival("a rival", scores, scores)
    assert rival.test.n == rival.gain.n == contest.probe.auc.n
    assert rival.validation.n == len(contest.seen)
    assert rival.gain.value == pytest.approx(contest.probe.auc.value - rival.test.value)
    same = contest.rival("itself", scores, contest.probe.scores)
    assert (same.gain.value, same.verdict) == (0.0, "unclear")


def test_a_rival_without_scores_is_none(contest: Contest) -> None:
    scores = telling(contest, seen=1.0, test=1.0)
    assert contest.rival("none", scores, {}) is None
    assert contest.rival("none", {}, scores) is None
    assert contest.best_of({"holes": {contest.seen[0]: 1.0}}) is None


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.01, 0.1, "more"), (-0.1, 0.1, "unclear"), (-0.2, -0.1, "less")]
)
def test_the_paired_interval_decides(contest: Contest, low: float, high: float, verdict: str) -> None:
    scores = telling(contest, seen=1.0, test=1.0)
    gain = Estimate(value=(low + high) / 2, low=low, high=high, n=10)
    assert contest.rival("r", scores, scores).model_copy(update={"gain": gain}).verdict == verdict


def test_free_scores_are_those_of_the_answer_and_of_the_exact_answer() -> None:
    row, other = RowKey.of("q"), RowKey.of("p")
    grades = {row: GRADE, other: replace(GRADE, question_id="p", span=None)}
    answers = {row: ANSWER, other: replace(ANSWER, question_id="p")}
    found = {name: scores[row] for name, scores in free_scores([row, other], answers, grades).items()}
    assert found == {
        "log-prob, mean": -5.75 / 4, "log-prob, sum": -5.75, "log-prob, worst token": -4.0,
        "log-prob, last token": -0.25, "log-prob, mean, exact answer": -0.5, "log-prob, sum, exact answer": -0.5,
        "log-prob, worst token, exact answer": -0.5, "log-prob, last token, exact answer": -0.5,
    }  # fmt: skip
    stood_in = free_scores([other], answers, grades)
    assert stood_in["log-prob, sum, exact answer"] == stood_in["log-prob, sum"]


def test_ready_answers_have_no_free_score(contest: Contest) -> None:
    ready = {i: replace(ANSWER, question_id=i, log_probs=()) for i in contest.labels.ids}
    grades = {i: replace(GRADE, question_id=i) for i in contest.labels.ids}
    assert all(math.isnan(s) for scores in free_scores(contest.seen, ready, grades).values() for s in scores.values())
    assert best_free_score(contest, ready, grades) is None


def test_the_best_free_score_is_chosen_among_all(contest: Contest) -> None:
    right = dict(zip(contest.labels.ids, contest.labels.y.tolist(), strict=True))
    answers = {
        i: replace(ANSWER, question_id=i, log_probs=(-1.0, -4.0, -0.1 if right[i] else -2.0, -1.0)) for i in right
    }
    grades = {i: replace(GRADE, question_id=i) for i in right}
    rival = best_free_score(contest, answers, grades)
    assert rival.test.value == 1.0
    assert rival.name in ("log-prob, mean", "log-prob, sum")  # the first of equals
