"""The detector's figures say what they show in the field's words, from the head's saved numbers."""

from __future__ import annotations

import pytest

from truthmap.detector.config import HeadConfig
from truthmap.detector.detector import Detector
from truthmap.detector.figures import draw_reliability, draw_risk_coverage


@pytest.fixture
def head(tiny_detector: Detector) -> HeadConfig:
    """Return a head whose first guarantee holds, whatever the tiny model can do."""
    head = tiny_detector.config.heads[0]
    holding = head.guarantees[0].model_copy(update={"holds": True, "coverage": 0.4, "tested": 50, "hits": 5})
    others = tuple(g.model_copy(update={"holds": False}) for g in head.guarantees[1:])
    return head.model_copy(update={"guarantees": (holding, *others)})


def test_the_risk_coverage_curve_is_the_heads(head: HeadConfig) -> None:
    axes = draw_risk_coverage(head)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Coverage (of all test answers)", "Selective risk")
    curve, limit, dot = axes.get_lines()
    assert curve.get_xydata().tolist() == [[p.coverage, p.selective_risk] for p in head.risk_coverage]
    assert limit.get_xydata().tolist() == [[0, 0.2], [0.4, 0.2]]
    assert dot.get_xydata().tolist() == [[0.4, 0.1]]
    assert [text.get_text() for text in axes.texts] == ["guarantee: at most 20%\n(95% confidence)"]


def test_the_reliability_diagram_has_a_dot_per_bin(head: HeadConfig) -> None:
    axes = draw_reliability(head)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted P(wrong)", "Observed share wrong")
    dots = axes.get_lines()[1]
    assert dots.get_xydata().tolist() == [[b.p_wrong, b.share_wrong] for b in head.reliability.bins]
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"perfectly calibrated", "test answers"}
