"""The controls of a finished run: each measured on the test rows of its best cell, all in one table."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import pandas as pd

from truthmap.analyses.controls.base import Control, not_run, unclear
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.figure import controls_figure
from truthmap.analyses.controls.kept import keep_findings, kept_findings
from truthmap.analyses.controls.measure import ControlFinding, Controls
from truthmap.analyses.controls.registry import NAMES, chosen_names, file_of
from truthmap.analyses.controls.saved import NAME
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.analyses.results import write_analysis
from truthmap.errors import ModelError, NotEnoughDataError, RunFolderError
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.terminal.progress import Progress, Silence

_ENDS = ("value", "low", "high")
_COLUMNS = (("", "value"), ("_low", "low"), ("_high", "high"))


def controls(
    run: Run,
    settings: ControlSettings | None = None,
    *,
    reopening: ReopenSettings | None = None,
    progress: Progress | None = None,
) -> Controls:
    """Ask of a run's best cell what reviewers ask; writes `analyses/controls.*` into the run folder.

    Every control is measured on the test rows of that cell, or on some of them, paired with its probe, with intervals
    by question; whatever is chosen or fitted for it is chosen and fitted on train + validation. What an earlier call
    measured on the same state of the run, and this one does not, stays in the table.

    Args:
        run: A finished run.
        settings: Which controls, and what some of them need besides the run; by default all.
        reopening: Where and how fast to compute, for controls that take the model.
        progress: Who shows the stages.

    Raises:
        UsageError: there is no such control.
        NotEnoughDataError: the run has no map, or its test answers are all right, or all wrong.
    """
    settings, progress = settings or ControlSettings(), progress or Silence()
    names = chosen_names(settings.only, settings.without)
    context = ControlContext(RunData.load(run), settings, reopening, progress)
    _ = context.auc  # says at once where there is nothing to control
    measured = []
    try:
        with progress.stage("Controls", len(names)) as advance:
            for done, name in enumerate(names, start=1):
                measured.append(measure(load_control(name), context))
                advance(done)
    finally:
        context.close()
    with run.held(progress.say, patient=True):
        known = kept_findings(run, progress.say)
        known |= {each.name: each for each in measured if each.is_measured or each.name not in known}
        result = _table_of(context, [known[name] for name in NAMES if name in known])
        keep_findings(run, result.findings)
        tables = {NAME: controls_table(result), f"{NAME}_curves": curves_table(result)}
        write_analysis(run.folder / ANALYSES, NAME, result, tables, controls_figure(result), [run])
    return result


def _table_of(context: ControlContext, findings: list[ControlFinding]) -> Controls:
    summary, cell = context.data.summary, context.cell
    return Controls(
        model=summary.model,
        questions=summary.questions,
        site=cell.site,
        layer=cell.layer,
        position=cell.position,
        auc=context.auc,
        findings=tuple(findings),
    )


def load_control(name: str) -> Control:
    """Load a control by its name."""
    return cast("Control", import_module(f"truthmap.analyses.controls.{file_of(name)}").CONTROL)


def measure(control: Control, context: ControlContext) -> ControlFinding:
    """Measure one control; what it lacks, in answers or besides the run, is said in its finding."""
    try:
        return control.measure(context).of(control)
    except NotEnoughDataError as error:
        return unclear(f"Too few answers to say: {error}.").of(control)
    except (ModelError, RunFolderError) as error:
        return not_run(f"Not run: {error}.").of(control)


def controls_table(result: Controls) -> pd.DataFrame:
    """Return the numbers of all controls as a table, a row per reading; the first of a control has its sentence."""
    rows = []
    for finding in result.findings:
        about = {"control": finding.name, "verdict": str(finding.verdict), "after": finding.after}
        for number, reading in enumerate(finding.readings or (None,)):
            row: dict[str, object] = {**about, "reading": None, "of": None, "n": None}
            if reading is not None:
                row |= {"reading": reading.name, "of": reading.of, "n": reading.value.n}
            for name in ("value", "probe", "left"):
                estimate = None if reading is None else getattr(reading, name)
                row |= {name + end: getattr(estimate, field, None) for end, field in _COLUMNS}
            rows.append({**row, "says": None if number else finding.says})
    frame: pd.DataFrame = pd.DataFrame(rows).astype({"n": "Int64"})
    return frame


def curves_table(result: Controls) -> pd.DataFrame:
    """Return the curves of all controls as a table, a row per point."""
    rows = [
        (finding.name, curve.name, curve.along, point.at, curve.of, *(getattr(point.value, end) for end in _ENDS))
        for finding in result.findings
        for curve in finding.curves
        for point in curve.points
    ]
    columns = ("control", "curve", "along", "at", "of", *_ENDS)
    frame: pd.DataFrame = pd.DataFrame(rows, columns=list(columns))
    return frame
