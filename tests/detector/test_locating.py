"""Where the task lets a model find the exact answer, the sealed detector asks the studied model itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from truthmap.answers.prompted import LocalTextModel
from truthmap.detector.caveats import Caveat
from truthmap.detector.config import Role
from truthmap.detector.detector import Detector
from truthmap.questions.tasks import GradingRule, Locating, Task


def open_detector(detector: Detector, locator: str | None) -> Detector:
    """Seal another task: open questions, whose exact answers a model copies."""
    task = Task(GradingRule.ALIAS, Locating.MODEL, max_new_tokens=10)
    asking = detector.config.asking.model_copy(update={"task": task, "locator": locator, "candidates": None})
    config = detector.config.model_copy(update={"asking": asking})
    return replace(detector, artifact=replace(detector.artifact, config=config))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the locator copy "France", and note what it was asked."""
    prompts: list[str] = []

    def ask(self: LocalTextModel, texts: Sequence[str]) -> list[str]:
        prompts.extend(texts)
        return ["France" for _ in texts]

    monkeypatch.setattr(LocalTextModel, "ask", ask)
    return prompts


def test_the_studied_model_finds_the_exact_answer(tiny_detector: Detector, asked: list[str]) -> None:
    detector = open_detector(tiny_detector, "same")
    verdict = detector.score("Which is it?", "It is France.")
    assert verdict.exact_answer is not None
    span = verdict.exact_answer
    assert verdict.answer.text[span.start : span.end] == "France"
    assert verdict.role is Role.ANSWER
    assert Caveat.NO_EXACT_ANSWER not in verdict.caveats
    assert len(asked) == 1
    assert "It is France." in asked[0]


def test_asking_and_streaming_locate_in_the_whole_answer(tiny_detector: Detector, asked: list[str]) -> None:
    detector = open_detector(tiny_detector, "same")
    events = list(detector.stream("Which 1 is 31?"))
    assert all(event.verdict is None for event in events[:-1])
    assert events[-1].verdict is not None
    assert asked
    together = detector.ask_batch(["Which 1 is 31?", "Which 2 is 62?"])
    assert together[0].score == pytest.approx(events[-1].verdict.score, abs=1e-3)


def test_the_real_model_can_be_asked(tiny_detector: Detector) -> None:
    assert open_detector(tiny_detector, "same").ask("Which 1 is 31?").score is not None


def test_another_locator_is_not_called(tiny_detector: Detector, asked: list[str]) -> None:
    verdict = open_detector(tiny_detector, "http://elsewhere.example/v1#model").score("Which is it?", "It is France.")
    assert Caveat.NO_EXACT_ANSWER in verdict.caveats
    assert verdict.role is Role.FALLBACK
    assert asked == []
