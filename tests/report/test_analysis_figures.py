"""Figures of the analyses: drawn from saved records alone, with every number of theirs in them."""

from __future__ import annotations

from html import escape

import numpy as np
import pytest

from truthmap.analyses.compare.figure import comparison_figure, draw_comparison, draw_risk
from truthmap.analyses.compare.measure import Comparison, Family, Method
from truthmap.analyses.diff.figure import difference_figure, draw_difference
from truthmap.analyses.diff.measure import MapDifference, MapSide, rows_of
from truthmap.analyses.errors.figure import draw_error_types, error_types_figure
from truthmap.analyses.errors.measure import ErrorType, ErrorTypes, TypeScore
from truthmap.analyses.select.figure import draw_accuracy_by_k, selection_figure
from truthmap.analyses.select.measure import Selection, Strategy, StrategyScore, TypeSize
from truthmap.analyses.transfer.figure import draw_transfer, transfer_figure
from truthmap.analyses.transfer.measure import OTHERS, Choice, Transfer, TransferScore, TransferSet
from truthmap.metrics.estimate import Estimate
from truthmap.positions import PAPER, Position
from truthmap.probes.grid import Grid
from truthmap.records import Site

SOME = Estimate(value=0.7, low=0.6, high=0.8, n=9)
GAIN, NO_GAIN = Estimate(value=0.2, low=0.1, high=0.3, n=9), Estimate(value=-0.1, low=-0.3, high=0.1, n=9)


def method(name: str, family: Family, auc: float) -> Method:
    estimate = Estimate(value=auc, low=auc - 0.05, high=auc + 0.05, n=9)
    risk = tuple(np.linspace(0, 0.4, 100))
    return Method(
        name=name, family=family, auc=estimate, difference=GAIN, p_value=0.1, error_precision=SOME, risk_area=SOME,
        risk=risk, passes=0, stood_in=0,
    )  # fmt: skip


@pytest.fixture
def comparison() -> Comparison:
    methods = [
        method("probe", Family.PROBE, 0.9),
        method("mean", Family.LOG_PROB, 0.6),
        method("x", Family.ASKING, 0.4),
    ]
    return Comparison(
        model="m", questions="q", reference="probe", right=6, wrong=4, left_out=0, samples=0, equivalence="ByCanonical",
        methods=tuple(methods), notes=(),
    )  # fmt: skip


def test_a_comparison_names_every_method_and_marks_the_probe(comparison: Comparison) -> None:
    axes = draw_comparison(comparison)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["probe  0.900", "mean  0.600", "x  0.400"]
    assert any(list(line.get_xdata()) == [0.9, 0.9] for line in axes.lines)
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first method is at the top"
    risk = draw_risk(comparison)
    assert [text.get_text() for text in risk.get_legend().get_texts()] == ["probe", "mean", "x"]
    assert len(comparison_figure(comparison).axes) == 2


@pytest.fixture
def transfer() -> Transfer:
    sets = [
        TransferSet(name=n, trained=9, tested=9, right=0.5, layer=1, position=Position.of("last_q"), log_prob=SOME)
        for n in "abc"
    ]  # fmt: skip
    scores = [
        TransferScore(
            choice=choice, source=source, target=target, layer=1, position=Position.of("last_q"), n=9, excluded=0,
            auc=SOME,
            minus_log_prob=GAIN if source == target else NO_GAIN, error=SOME, blind_error=0.5,
        )
        for choice in Choice
        for source in ["a", "b", "c", *([OTHERS] if choice is Choice.COMMON else [])]
        for target in "abc"
        if (source, target) != ("a", "c")
    ]  # fmt: skip
    return Transfer(
        model="m", site=Site.RESIDUAL, layer=1, position=Position.of("last_q"), sets=tuple(sets), scores=tuple(scores),
        notes=(),
    )  # fmt: skip


def test_a_transfer_matrix_brackets_what_may_be_chance(transfer: Transfer) -> None:
    axes = draw_transfer(transfer, choice=Choice.COMMON, shown="gain")
    texts = [text.get_text() for text in axes.texts]
    assert len(texts) == 11
    assert texts.count("+0.20") == 3
    assert texts.count("(-0.10)") == 8
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c", OTHERS]
    assert len(transfer_figure(transfer).axes) == 6


def test_text_stands_out_on_its_cell(transfer: Transfer) -> None:
    from matplotlib.colors import to_rgb

    axes = draw_transfer(transfer, shown="error")
    for text in axes.texts:
        column, row = (int(v) for v in text.get_position())
        image = axes.collections[0]
        paper = image.to_rgba(image.get_array())[row, column][:3]
        luminance = [float(np.dot(colour, (0.2126, 0.7152, 0.0722))) for colour in (paper, to_rgb(text.get_color()))]
        assert abs(luminance[0] - luminance[1]) > 0.4


def score(strategy: Strategy) -> StrategyScore:
    return StrategyScore(
        strategy=strategy, accuracy=SOME, minus_greedy=GAIN, minus_majority=GAIN, within=None, by_k=(0.5, 0.6, 0.7),
        by_type=(SOME,),
    )  # fmt: skip


def test_a_selection_has_a_curve_per_strategy() -> None:
    selection = Selection(
        model="m", questions="q", k=4, site=Site.RESIDUAL, layer=1, position=Position.of("last_q"), n=9, left_out=0,
        ungraded=0.1, unread=0, ks=(1, 2, 4), types=(TypeSize(type=ErrorType.REFUSES, n=9),),
        strategies=tuple(score(strategy) for strategy in Strategy),
    )  # fmt: skip
    axes = draw_accuracy_by_k(selection)
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {str(strategy) for strategy in Strategy}
    right = selection_figure(selection).axes[1]
    assert [label.get_text() for label in right.get_xticklabels()] == ["all\n(9)", "refuses\n(9)"]


def grid(auc: np.ndarray) -> Grid:
    ones = np.ones(auc.shape)
    return Grid(Site.RESIDUAL, PAPER, auc, auc, auc, ones.astype(int), ones.astype(int), ones, ones > 0, ones)


def test_kinds_of_error_are_counted_and_each_map_is_drawn() -> None:
    types = tuple(TypeScore(type=kind, n=n, greedy_right=None, probed=0) for n, kind in enumerate(ErrorType))
    result = ErrorTypes(model="m", questions="q", protocol="truthmap", k=3, sampled=10, without_type=0, types=types)
    axes = draw_error_types(result)
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2", "3", "4"]
    maps = {kind: grid(np.full((4, len(PAPER)), 0.6)) for kind in list(ErrorType)[:2]}
    titles = [axes.get_title() for axes in error_types_figure(result, maps).axes]
    assert {"consistently right", "consistently wrong"} <= set(titles)
    some = draw_error_types(result.model_copy(update={"without_type": 7}))
    assert [text.get_text() for text in some.texts] == ["0", "1", "2", "3", "4", "7"]
    assert some.get_yticklabels()[-1].get_text() == "no type"


def test_a_difference_dots_what_is_significant() -> None:
    difference = np.zeros((3, len(PAPER)))
    difference[1, 2], difference[2, 0] = 0.3, np.nan
    p = np.where(difference > 0.1, 0.01, 1.0)
    p[2, 0] = np.nan
    side = MapSide(name="one", model="m", questions="q", site=Site.RESIDUAL, answers=9, right=0.5)
    result = MapDifference(
        first=side, second=side.model_copy(update={"name": "two"}), both=9, cells=44, higher=1, lower=0, mean=SOME,
        positions=PAPER, layer=1, position=Position.of("last_q"), largest=SOME, largest_p=0.01,
        auc_first=rows_of(0.5 + 0 * difference), auc_second=rows_of(0.5 + difference),
        difference=rows_of(difference), p_corrected=rows_of(p),
    )  # fmt: skip
    axes = draw_difference(result)
    (dots,) = (line for line in axes.lines if line.get_marker() == "o")
    assert (list(dots.get_xdata()), list(dots.get_ydata())) == ([2], [1])
    assert "two − one" in axes.get_title()
    assert len([a for a in difference_figure(result).axes if a.get_xlabel() == "Token"]) == 3


def test_results_show_themselves_as_their_commands_print_them(comparison: Comparison, transfer: Transfer) -> None:
    shown = comparison._repr_html_()
    assert [method.name for method in comparison.methods if escape(method.name) not in shown] == []
    assert repr(comparison) == str(comparison) == f"Comparison({comparison._tables()[0][0]})"
    assert "<table>" in transfer._repr_html_()
