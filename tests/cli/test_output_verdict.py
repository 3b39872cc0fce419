"""What `truthmap ask` and `truthmap detector` print, in the words of selective prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truthmap.cli.output_verdict import print_detector, print_forecast, print_verdict
from truthmap.detector.config import Role
from truthmap.detector.detector import Detector
from truthmap.detector.verdict import Trust, Verdict


@pytest.fixture
def verdict(tiny_detector: Detector) -> Verdict:
    return tiny_detector.score(tiny_detector.question("Which 1 is 2?", ["France"]), "It is France.")


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed, without the line breaks of a narrow terminal."""
    return " ".join(capsys.readouterr().out.split())


def test_a_verdict_marks_the_exact_answer_and_explains_itself(
    tiny_detector: Detector, verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    print_verdict(tiny_detector.config, replace(verdict, trust=Trust.DONT_TRUST))
    shown = printed(capsys)
    assert "It is ⟦France⟧." in shown
    assert f"✗ don't trust P(wrong) = {verdict.p_wrong:.2f}" in shown
    assert verdict.explanation[1:] in shown
    assert "most similar training answers" in shown


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
    flagged = replace(
        verdict, out_of_distribution=of_answer, question_out_of_distribution=of_question, distance=7.0, role=Role.ANSWER
    )
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


def test_a_detector_lists_its_heads_and_guarantees(tiny_detector: Detector, capsys: pytest.CaptureFixture[str]) -> None:
    first, *others = tiny_detector.config.heads
    holding = first.guarantees[0].model_copy(update={"holds": True, "coverage": 0.4, "why": "1 of 40 were wrong"})
    failing = first.guarantees[1].model_copy(update={"holds": False, "why": "the test part is too small"})
    head = first.model_copy(update={"guarantees": (holding, failing)})
    print_detector(tiny_detector.config.model_copy(update={"heads": (head, *others)}), "runs/x/detector")
    shown = printed(capsys)
    assert "answer: layer 1 exact_answer_last (residual)" in shown
    assert "of the test answers flagged as out of distribution" in shown
    assert "✓ selective risk at most 20% (wrong among accepted answers), with 95% confidence coverage 40%: 1" in shown
    assert (
        "– selective risk at most 5% (wrong among accepted answers), with 95% confidence not guaranteed: the" in shown
    )
