"""The sentences say what the numbers say: p-values, corrections and paired differences decide each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.metrics.within_answer_record import WithinAnswer
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


def within(value: float, low: float, high: float, n: int) -> WithinAnswer:
    text = estimate(0.5, 0.4, 0.6, n)
    return WithinAnswer(probe=estimate(value, low, high, n), probe_mean=0.66, text=text, text_mean=0.5, exact_answers=9)


def estimate(value: float, low: float, high: float, n: int) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n)


def rival(test: float, low: float, high: float, *, at: Position | None = None) -> Rival:
    """A rival with this AUC, give or take 0.05, and this interval of the best cell's gain over it."""
    return Rival(
        name="a rival",
        validation=estimate(test, test - 0.05, test + 0.05, 1000),
        test=estimate(test, test - 0.05, test + 0.05, 250),
        gain=estimate((low + high) / 2, low, high, 250),
        cell=None if at is None else (1, at),
    )


def before(test: float, low: float, high: float) -> Rival:
    return rival(test, low, high, at=Position.of("last_q"))


def p_values(findings: Findings, best: float, others: float) -> np.ndarray:
    values = np.full(findings.auc.shape, others)
    values[2, BEST] = best
    return values


def joined(findings: Findings) -> str:
    return " ".join(sentence.text for sentence in sentences(findings))


def claims(findings: Findings) -> list[str]:
    return [sentence.text for sentence in sentences(findings) if sentence.claims]


def test_the_best_place_is_named_in_words_with_its_test_interval(findings: Findings) -> None:
    first = sentences(findings)[0].text
    assert "the last token of the exact answer (exact_answer_last) in layer 2" in first
    assert "AUC 0.89 [0.84, 0.93] on 250 test answers" in first
    assert "0.90 where it was chosen" in first


def test_an_interval_that_includes_chance_is_no_finding(findings: Findings) -> None:
    first = sentences(replace(findings, test=estimate(0.6, 0.49, 0.7, 250)))[0]
    assert first.text.startswith("This run does not show")
    assert "read best" not in first.text
    assert not first.claims


def test_a_place_that_shuffled_labels_reach_is_no_finding(findings: Findings) -> None:
    first = sentences(replace(findings, p_value=p_values(findings, 0.06, 1.0)))[0]
    assert first.text.startswith("This run does not show")
    assert "shuffled labels reach as much" in first.text
    assert not first.claims


def test_cells_that_noise_cannot_tell_apart_are_counted(findings: Findings) -> None:
    assert "the chosen one's interval lies above all others" in joined(findings)
    findings.high[0, :5] = 0.95
    assert "6 have intervals that reach the chosen one's" in joined(findings)


def test_significant_cells_are_counted(findings: Findings) -> None:
    p_value = np.full(findings.auc.shape, 0.5)
    assert "None of the 60 cells beats shuffled labels" in joined(replace(findings, p_value=p_value))
    p_value[2, BEST] = 0.01
    assert "1 beats shuffled labels" in joined(replace(findings, p_value=p_value))
    p_value[3, :4] = 0.049
    assert "5 beat shuffled labels" in joined(replace(findings, p_value=p_value))


@pytest.mark.parametrize(
    ("rival", "said"),
    [
        (before(0.75, 0.1, 0.18), "something can be read before it answers, but less than at its answer's tokens"),
        (before(0.85, -0.01, 0.08), "this run does not show that the answer's tokens tell more"),
        (before(0.54, 0.3, 0.4), "no better than chance"),
        (before(0.95, -0.08, -0.02), "more than at the chosen place"),
    ],
)
def test_before_and_after_are_told_apart_by_the_paired_test(findings: Findings, rival: Rival, said: str) -> None:
    assert said in joined(replace(findings, before_answering=rival))


def test_before_answering_nothing_is_read_where_shuffles_reach_it(findings: Findings) -> None:
    text = joined(replace(findings, before_answering=before(0.75, 0.1, 0.18), p_value=p_values(findings, 0.01, 1.0)))
    assert "no better than chance as far as this run can tell" in text
    assert "something can be read" not in text


def test_ready_answers_tell_nothing_of_what_a_model_knows(findings: Findings) -> None:
    text = joined(replace(findings, before_answering=before(0.75, 0.1, 0.18), own_answers=False))
    assert "Before the answer, which came with the question" in text
    assert "model answers" not in text


def test_a_map_without_probes_at_the_prompt_says_nothing_of_it(findings: Findings) -> None:
    assert "Before the model answers" not in joined(findings)


@pytest.mark.parametrize("field", ["free_score", "text_baseline"])
@pytest.mark.parametrize(
    ("low", "high", "said", "claimed"),
    [
        (0.01, 0.1, r"the probe reads more|hidden states hold more", True),
        (-0.01, 0.1, r"which is better this run cannot tell", False),
        (-0.2, -0.1, r"the probe reads less|they explain the map", True),
    ],
)
def test_rivals_are_told_apart_by_the_paired_difference(
    findings: Findings, field: str, low: float, high: float, said: str, claimed: bool
) -> None:
    last = sentences(replace(findings, **{field: rival(0.85, low, high)}))[-1]
    assert last.claims == claimed
    assert any(piece in last.text for piece in said.split("|"))
    assert "paired difference" in last.text


def test_without_a_finding_nothing_is_claimed_of_rivals(findings: Findings) -> None:
    nothing = replace(
        findings,
        p_value=np.ones(findings.auc.shape),
        text_baseline=rival(0.5, 0.01, 0.1),
        free_score=rival(0.5, 0.01, 0.1),
        before_answering=before(0.6, 0.01, 0.1),
        within=within(0.7, 0.6, 0.8, 250),
    )
    assert claims(nothing) == []
    assert len(sentences(nothing)) == 6


def test_reading_within_one_answer_is_claimed_only_above_chance(findings: Findings) -> None:
    assert "reads more than which answers" in joined(replace(findings, within=within(0.7, 0.6, 0.8, 431)))
    assert "may only know" in joined(replace(findings, within=within(0.7, 0.45, 0.8, 431)))


def test_every_position_has_a_name_in_words() -> None:
    assert len({place_in_words(position) for position in PAPER}) == len(PAPER)


@pytest.mark.parametrize(("shuffles", "shown"), [(5, False), (18, False), (19, True), (100, True)])
def test_few_shuffles_are_said_and_are_no_noise(findings: Findings, shuffles: int, shown: bool) -> None:
    lowest = np.full(findings.auc.shape, 1 / (shuffles + 1))
    found = replace(findings, p_value=lowest, shuffles=shuffles)
    said = " ".join(sentence.text for sentence in sentences(found))
    assert found.is_shown is shown
    assert (f"from {shuffles} shuffles of the labels no p-value is below" in said) is not shown
    assert ("--permutations 100 --update" in said) is not shown
    assert "is noise" not in said
