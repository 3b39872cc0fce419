"""What `truthmap ask` and `truthmap detector` print, in the words of selective prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truthmap.cli.output_verdict import print_detector, print_forecast, print_verdict
from truthmap.detector.caveats import Caveat
from truthmap.detector.config import Role
from truthmap.detector.detector import Detector
from truthmap.detector.verdict import Verdict
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival


@pytest.fixture
def verdict(tiny_detector: Detector) -> Verdict:
    return tiny_detector.score(tiny_detector.question("Which 1 is 2?", ["France"]), "It is France.")


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed, without the line breaks of a narrow terminal."""
    return " ".join(capsys.readouterr().out.split())


def test_a_verdict_marks_the_exact_answer_and_explains_itself(
    tiny_detector: Detector, verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    print_verdict(tiny_detector.config, replace(verdict, trusted=False, p_wrong=0.31, caveats=()))
    shown = printed(capsys)
    assert "It is ⟦France⟧." in shown
    assert "✗ don't trust P(wrong) = 0.31" in shown
    assert verdict.explanation[1:] in shown
    assert "Of the 10 most similar training answers" in shown


@pytest.mark.parametrize(
    ("trusted", "guarantee", "heading"),
    [(True, "at most 10%", "✓ trust"), (True, None, "~ trust, without a guarantee"), (False, None, "✗ don't trust")],
)
def test_the_tick_is_for_what_is_accepted_under_a_guarantee(
    tiny_detector: Detector,
    verdict: Verdict,
    capsys: pytest.CaptureFixture[str],
    trusted: bool,
    guarantee: str | None,
    heading: str,
) -> None:
    print_verdict(tiny_detector.config, replace(verdict, trusted=trusted, guarantee=guarantee, p_wrong=0.3, caveats=()))
    assert f"{heading} P(wrong) = 0.30" in printed(capsys)


def test_a_given_answer_has_a_score_and_no_claim(
    tiny_detector: Detector, verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    print_verdict(tiny_detector.config, verdict)
    shown = printed(capsys)
    assert "? nothing is claimed: a given answer" in shown
    assert f"Score {verdict.score:+.2f}: log-odds that it is right, not calibrated for such answers." in shown
    assert not any(claim in shown for claim in ("✓", "P(wrong)", "confidence", "were right"))


@pytest.mark.parametrize(
    ("of_answer", "of_question", "message"),
    [
        (True, False, "Out of distribution, unlike the training answers (distance 7, beyond "),
        (False, True, "Out of distribution, unlike the training questions (beyond "),
    ],
)
def test_a_verdict_out_of_distribution_says_so(
    tiny_detector: Detector,
    verdict: Verdict,
    capsys: pytest.CaptureFixture[str],
    of_answer: bool,
    of_question: bool,
    message: str,
) -> None:
    caveats = (Caveat.OUT_OF_DISTRIBUTION,) * of_answer + (Caveat.QUESTION_OUT_OF_DISTRIBUTION,) * of_question
    flagged = replace(verdict, caveats=caveats, distance=7.0, role=Role.ANSWER)
    print_verdict(tiny_detector.config, flagged)
    assert message in printed(capsys)


def test_control_characters_of_an_answer_stay_out_of_the_terminal(
    tiny_detector: Detector, verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = replace(verdict, exact_answer=None, answer=replace(verdict.answer, text="\x1b[2J gone"))
    print_verdict(tiny_detector.config, hostile)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "�[2J gone" in shown


def test_a_forecast_says_whether_the_model_probably_knows(
    tiny_detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    forecast = tiny_detector.forecast("Which 1 is 2?")
    print_forecast(tiny_detector.config, replace(forecast, p_wrong=0.8, out_of_distribution=True))
    shown = printed(capsys)
    assert shown.startswith("Before answering: P(wrong) = 0.80: it probably does not know")
    assert "Out of distribution, unlike the training questions" in shown


def test_a_forecast_out_of_distribution_claims_nothing(
    tiny_detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    forecast = tiny_detector.forecast("Which 1 is 2?")
    caveats = (Caveat.QUESTION_OUT_OF_DISTRIBUTION,)
    print_forecast(tiny_detector.config, replace(forecast, p_wrong=None, caveats=caveats, out_of_distribution=True))
    shown = printed(capsys)
    assert shown.startswith("Before answering: nothing is claimed: question out of distribution")
    assert "P(wrong)" not in shown


def test_a_detector_lists_its_heads_and_guarantees(tiny_detector: Detector, capsys: pytest.CaptureFixture[str]) -> None:
    first, *others = tiny_detector.config.heads
    holding = first.guarantees[0].model_copy(
        update={"holds": True, "coverage": 0.4, "n_answers": 90, "why": "1 of 36 were graded wrong"}
    )
    failing = first.guarantees[1].model_copy(update={"holds": False, "why": "the test part is too small"})
    head = first.model_copy(update={"guarantees": (holding, failing)})
    print_detector(tiny_detector.config.model_copy(update={"heads": (head, *others)}), "runs/x/detector")
    shown = printed(capsys)
    assert "answer: layer 1 exact_answer_last (residual)" in shown
    assert "of the test answers flagged as out of distribution" in shown
    assert "Guarantees, about the model's own greedy answers to questions asked as in training" in shown
    claim = "(graded wrong among accepted answers), with 95% confidence"
    assert f"✓ selective risk at most 20% {claim} coverage 40% of all 90 test answers: 1 of 36" in shown
    assert f"– selective risk at most 5% {claim} not guaranteed: the" in shown


def rival(gain: float) -> Rival:
    """Return words alone, which the probe leads by a gain with an interval of 0.04."""
    found = Estimate(value=0.8, low=0.7, high=0.9, n=90)
    lead = Estimate(value=gain, low=gain - 0.02, high=gain + 0.02, n=90)
    return Rival(name="all words", validation=found, test=found, gain=lead)


@pytest.mark.parametrize(
    ("training", "note"),
    [
        ({"text_baseline": rival(0.06)}, "Note: words alone (all words) reach an AUC of 0.800 on the test part"),
        ({"text_baseline": rival(0.08)}, ""),
        ({"looks": 3}, "Note: 3 detectors with other"),
    ],
)
def test_a_detector_is_sealed_with_its_warnings(
    tiny_detector: Detector, capsys: pytest.CaptureFixture[str], training: dict[str, object], note: str
) -> None:
    config = tiny_detector.config
    assert config.warnings == ()
    told = config.model_copy(update={"training": config.training.model_copy(update=training)})
    print_detector(told, "runs/x")
    assert note in printed(capsys)
    assert len(told.warnings) == bool(note)
