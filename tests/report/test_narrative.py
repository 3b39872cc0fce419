"""The sentences say what the numbers say, and claim nothing where intervals overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from truthmap.metrics.estimate import Estimate
from truthmap.positions import PAPER, Position
from truthmap.records import Site
from truthmap.report.narrative import Findings, place_in_words, sentences

LAST_Q, BEST = PAPER.index(Position.of("last_q")), PAPER.index(Position.of("exact_answer_last"))


@pytest.fixture
def findings() -> Findings:
    shape = (4, len(PAPER))
    auc = np.full(shape, 0.7)
    auc[2, BEST] = 0.9
    auc[1, LAST_Q] = 0.75
    return Findings(
        site=Site.RESIDUAL,
        layer=2,
        position=Position.of("exact_answer_last"),
        validation=estimate(0.9, 0.88, 0.92, 1000),
        test=estimate(0.89, 0.84, 0.93, 250),
        positions=PAPER,
        auc=auc,
        low=auc - 0.02,
        high=auc + 0.02,
        n=np.full(shape, 1000),
    )


def estimate(value: float, low: float, high: float, n: int) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n)


def joined(findings: Findings) -> str:
    return " ".join(sentences(findings))


def test_the_best_place_is_named_in_words_with_its_test_interval(findings: Findings) -> None:
    first = sentences(findings)[0]
    assert "the last token of the exact answer (exact_answer_last) in layer 2" in first
    assert "AUC 0.89 [0.84, 0.93] on 250 test answers" in first
    assert "0.90 where it was chosen" in first


def test_an_interval_that_includes_chance_is_no_finding(findings: Findings) -> None:
    first = sentences(replace(findings, test=estimate(0.6, 0.49, 0.7, 250)))[0]
    assert first.startswith("This run does not show")
    assert "read best" not in first


def test_cells_that_noise_cannot_tell_apart_are_counted(findings: Findings) -> None:
    assert "the chosen one's interval lies above all others" in joined(findings)
    findings.high[0, :5] = 0.95
    assert "6 have intervals that reach the chosen one's" in joined(findings)


def test_significant_cells_are_counted(findings: Findings) -> None:
    p_value = np.full(findings.auc.shape, 0.5)
    assert "none beat shuffled labels" in joined(replace(findings, p_value=p_value))
    p_value[2, BEST] = 0.01
    assert "1 beats shuffled labels" in joined(replace(findings, p_value=p_value))
    p_value[3, :4] = 0.049
    assert "5 beat shuffled labels" in joined(replace(findings, p_value=p_value))


def test_before_and_after_are_told_apart_only_by_intervals(findings: Findings) -> None:
    assert "0.75 [0.73, 0.77] (layer 1, the best of 4): the model knows something" in joined(findings)
    findings.high[1, LAST_Q] = 0.89
    assert "does not show that the answer's tokens tell more" in joined(findings)
    findings.low[1, LAST_Q] = 0.49
    assert "no better than chance" in joined(findings)


def test_a_map_without_probes_at_the_prompt_says_nothing_of_it(findings: Findings) -> None:
    findings.auc[:, LAST_Q] = np.nan
    assert "Before the model answers" not in joined(findings)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.6, 0.8, "clearly less than the probe"), (0.7, 0.9, "cannot tell"), (0.94, 0.97, "clearly more than the probe")],
)
def test_confidence_is_compared_on_the_same_test_answers(
    findings: Findings, low: float, high: float, said: str
) -> None:
    confidence = estimate((low + high) / 2, low, high, 250)
    text = joined(replace(findings, log_prob=confidence))
    assert said in text
    assert ("clearly" in text) == (said != "cannot tell")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.1, "the probe reads more"), (-0.01, 0.1, "cannot tell"), (-0.2, -0.1, "the probe reads less")],
)
def test_a_paired_difference_outweighs_two_intervals(findings: Findings, low: float, high: float, said: str) -> None:
    overlapping = estimate(0.85, 0.8, 0.9, 250)
    gain = estimate((low + high) / 2, low, high, 250)
    assert said in joined(replace(findings, log_prob=overlapping, log_prob_gain=gain))


def test_text_explains_the_map_unless_the_probe_is_above_it(findings: Findings) -> None:
    assert "hold more than that" in joined(replace(findings, text_baseline=estimate(0.8, 0.77, 0.83, 1000)))
    assert "does not show that the states hold more" in joined(
        replace(findings, text_baseline=estimate(0.8, 0.7, 0.89, 1000))
    )
    assert "the words explain the map" in joined(replace(findings, text_baseline=estimate(0.95, 0.94, 0.96, 1000)))


def test_reading_within_one_answer_is_claimed_only_above_chance(findings: Findings) -> None:
    assert "reads more than which answers" in joined(replace(findings, within=estimate(0.7, 0.6, 0.8, 431)))
    assert "may only know" in joined(replace(findings, within=estimate(0.7, 0.45, 0.8, 431)))


def test_there_are_three_to_six_sentences(findings: Findings) -> None:
    assert len(sentences(findings)) == 3
    full = replace(
        findings,
        log_prob=estimate(0.7, 0.6, 0.8, 250),
        text_baseline=estimate(0.7, 0.6, 0.8, 250),
        within=estimate(0.7, 0.6, 0.8, 250),
    )
    assert len(sentences(full)) == 6


def test_every_position_has_a_name_in_words() -> None:
    assert len({place_in_words(position) for position in PAPER}) == len(PAPER)
