"""The table of controls on a finished run: kept with its tables and figure, added to, shown at 80 columns."""

from __future__ import annotations

from html import unescape

import pandas as pd
import pytest

from truthmap import controls
from truthmap.analyses.controls.command import summarize
from truthmap.analyses.controls.figure import controls_figure, draw_control_curves, draw_controls, draw_curve
from truthmap.analyses.controls.kept import keep_findings, kept_findings
from truthmap.analyses.controls.measure import (
    ControlCurve,
    ControlFinding,
    ControlPoint,
    ControlReading,
    Controls,
    ControlVerdict,
)
from truthmap.analyses.controls.run import controls_table, curves_table
from truthmap.analyses.controls.saved import read_controls, worst_control
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.cli.output_summary import print_summary
from truthmap.figures.canvas import new_axes
from truthmap.metrics.estimate import Estimate
from truthmap.pipeline.verify import verify_run
from truthmap.positions import Position
from truthmap.records import Site
from truthmap.report.build import write_report
from truthmap.runs.file_names import CONTROLS_KEPT
from truthmap.runs.run import Run, open_run
from truthmap.terminal.output import print_tables


def estimate(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=1364)


def finding(name: str, left: float, verdict: ControlVerdict = ControlVerdict.PART) -> ControlFinding:
    reading = ControlReading(
        name="something that reads", value=estimate(0.9 - left), probe=estimate(0.9), left=estimate(left)
    )
    points = tuple(ControlPoint(at=at, value=estimate(0.9 - at)) for at in (0.0, 0.1, 0.2))
    curve = ControlCurve(name="labels flipped", along="share of training labels flipped", points=points)
    return ControlFinding(
        name=name, after="nobody", verdict=verdict, says=f"{name} says a sentence of its own.", readings=(reading,),
        curves=(curve,),
    )  # fmt: skip


@pytest.fixture
def made() -> Controls:
    missing = ControlFinding(name="peer", after="nobody", verdict=ControlVerdict.NOT_RUN, says="Not run: name a peer.")
    return Controls(
        model="m", questions="q", site=Site.RESIDUAL, layer=3, position=Position.of("-1"), auc=estimate(0.9),
        findings=(
            finding("question-side", 0.1), finding("within-same-answer", 0.3), missing,
            finding("length", 0.01, ControlVerdict.UNCLEAR),
            finding("causal", 0.0, ControlVerdict.APART),
        ),
    )  # fmt: skip


def test_the_worst_leaves_least_and_knows_enough(made: Controls) -> None:
    assert made.worst is made.findings[0]
    assert made.model_copy(update={"findings": made.findings[2:]}).worst is None


def test_the_table_has_every_number_at_80_columns(
    made: Controls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_tables(summarize(made))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for said in (
        "0.80 [0.75, 0.85]",
        "+0.10 [+0.05, +0.15]",
        "not run",
        "Not run: name a peer.",
        "the worst of them",
    ):
        assert said in shown


def test_tables_have_a_row_per_number(made: Controls) -> None:
    table = controls_table(made)
    assert list(table["control"]) == [each.name for each in made.findings]
    assert table.loc[0, ["value", "probe", "left", "left_low", "n"]].tolist() == pytest.approx(
        [0.8, 0.9, 0.1, 0.05, 1364]
    )
    assert pd.isna(table.loc[2, "value"])
    assert len(curves_table(made)) == 12


def test_figures_show_what_is_left(made: Controls) -> None:
    axes = draw_controls(made)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[1] == "question-side: part left"
    assert len(labels) == 4
    assert len(controls_figure(made).axes) == 5
    assert len(draw_control_curves(made).get_legend().get_texts()) == 4


def test_controls_are_kept_and_added_to(
    finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert worst_control(finished) is None
    first = controls(finished, ControlSettings(only=("within-same-answer",)))
    assert [each.name for each in first.findings] == ["within-same-answer"]
    both = controls(finished, ControlSettings(only=("question-side",)))
    assert [each.name for each in both.findings] == ["question-side", "within-same-answer"]
    assert read_controls(open_run(finished.path)) == both
    folder = finished.path / "analyses"
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "controls.parquet"), controls_table(both))
    assert b"<svg" in (folder / "controls.svg").read_bytes()
    assert both.auc == finished.summary.test
    monkeypatch.setenv("COLUMNS", "80")
    print_summary(open_run(finished.path))
    said = " ".join(capsys.readouterr().out.partition("Worst control")[2].split())
    assert said.startswith(worst_control(finished) or "?")
    assert "controls.png" in said
    page = unescape(write_report(open_run(finished.path)).read_text())
    for said in ("What is left of the AUC", *(each.name for each in both.findings), both.findings[0].says[:20]):
        assert said in page


def test_what_was_measured_stays_whatever_became_of_the_table(finished: Run) -> None:
    earlier = [finding("question-side", 0.1), finding("transfer-geometry", 0.2)]
    keep_findings(finished, earlier)
    (finished.path / "analyses" / "controls.svg").write_text("half of it")  # as when killed while it was written
    names = ("within-same-answer", "transfer-geometry")  # which lacks other runs, and takes no place of what has them
    found = controls(finished, ControlSettings(only=names)).findings
    assert [each.name for each in found] == ["question-side", *names]
    assert (found[0], found[2]) == tuple(earlier)
    assert not verify_run(finished.path)


def test_what_is_kept_and_broken_is_said_and_left_out(finished: Run, made: Controls) -> None:
    said: list[str] = []
    keep_findings(finished, made.findings)
    assert list(kept_findings(finished, said.append).values()) == list(made.findings)
    kept = finished.path / CONTROLS_KEPT
    kept.write_bytes(kept.read_bytes()[:-9])
    assert [broken.name for broken in verify_run(finished.path)] == [CONTROLS_KEPT]
    assert kept_findings(finished, said.append) == {}
    assert "is left out, measure it again: " in said[0]


def test_steps_that_are_ratios_stand_at_equal_distances(made: Controls) -> None:
    sizes = (25, 50, 100, 200, 400, 800, 938)
    points = tuple(ControlPoint(at=at, value=estimate(0.8)) for at in sizes)
    curve = ControlCurve(name="fewer answers", along="labelled answers", logarithmic=True, points=points)
    axes = draw_curve(made, made.findings[0], curve, new_axes(3, 3))
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["25", "50", "100", "200", "400", "938"]


@pytest.mark.slow
def test_hidden_knowledge_reads_the_samples(finished: Run) -> None:
    sample_answers(finished, SampleSettings(k=4, part="test"))
    found = controls(finished, ControlSettings(only=("hidden-knowledge", "recall-or-truth"))).findings
    verdicts = {each.name: each.verdict for each in found}
    assert ControlVerdict.NOT_RUN not in verdicts.values()
    assert len(list((finished.path / "sample_states").glob("*.safetensors"))) > 0
