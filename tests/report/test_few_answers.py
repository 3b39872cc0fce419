"""A map from few test answers says at its head that it decides nothing, and claims nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.report.test_narrative import findings as findings

from truthmap.metrics.estimate import Estimate
from truthmap.pipeline.stages.figures import map_title
from truthmap.positions import Position
from truthmap.records import Site
from truthmap.report.narrative import Findings, best_place
from truthmap.runs.summary import FEWEST_TO_DECIDE, Summary

SURE = {"value": 0.99, "low": 0.95, "high": 1.0}


def summary(n: int) -> Summary:
    test = Estimate(**SURE, n=n)
    counts = {"right": 20, "wrong": 20, "unscored": 0, "refusals": 0}
    shares = {"found_right": 1.0, "found_wrong": 1.0, "converged": 1.0}
    cell = {"site": Site.RESIDUAL, "layer": 1, "position": Position.of("last_q"), "C": 1.0}
    return Summary(model="m", questions="q", **counts, **shares, **cell, validation=test, test=test)


@pytest.mark.parametrize("n", [2, 9, FEWEST_TO_DECIDE - 1])
def test_few_test_answers_are_told_at_the_head(n: int) -> None:
    assert summary(n).headline == f"m on q – {n} test answers decide nothing"
    assert f"{n} test answers decide nothing" in map_title(summary(n)).splitlines()


@pytest.mark.parametrize("n", [FEWEST_TO_DECIDE, 500])
def test_of_enough_test_answers_nothing_is_told(n: int) -> None:
    assert summary(n).headline == "m on q"
    assert map_title(summary(n)).splitlines() == ["m on q: where right and wrong answers can be told apart"]


def test_few_test_answers_claim_nothing_however_sure_they_look(findings: Findings) -> None:
    few = replace(findings, test=Estimate(**SURE, n=9), few=True)
    assert not few.is_shown
    assert not best_place(few).claims
    assert best_place(few).text.endswith("on 9 test answers, too few to decide anything.")
