"""What the table of kills does to a run: every command that writes, into it or beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fault_readers import labels_of
from tests.killing import Act, Seen

from truthmap.analyses.compare.run import compare_run
from truthmap.analyses.controls.run import controls
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.analyses.diff.run import diff_runs
from truthmap.analyses.early_exit.run import early_exit_curve
from truthmap.analyses.errors.run import type_errors
from truthmap.analyses.labels.run import map_labels
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.analyses.select.run import select_answers
from truthmap.analyses.thought.run import thought_map
from truthmap.analyses.transfer.run import transfer_runs
from truthmap.figures.canvas import FigureStyle, draw_and_save
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.seal import seal_detector
from truthmap.pipeline.verify import repair_run
from truthmap.records import Site
from truthmap.report.build import write_report
from truthmap.report.figures import draw_figure
from truthmap.runs.cells import chosen_cell
from truthmap.runs.data import RunData
from truthmap.runs.exports.cell_export import CellExport
from truthmap.runs.exports.registry import EXPORTS
from truthmap.runs.run import open_run
from truthmap.store.states import StateStore
from truthmap.study.study import Study, with_settings


def complete(study: Study, seen: Seen) -> None:
    """Add to a finished run all that can be added."""
    run = open_run(study.out)
    sample_answers(run, SampleSettings(k=2), progress=seen)
    compare_run(run, progress=seen)
    select_answers(run, progress=seen)
    type_errors(run, progress=seen)
    map_labels(run, "kind", labels_of(run), permutations=0, progress=seen)
    controls(run, ControlSettings(only=("within-same-answer", "hidden-knowledge")), progress=seen)
    seal_detector(run, run.folder / "detector", progress=seen)
    write_report(run)


def complete_thoughts(study: Study, seen: Seen) -> None:
    """Add to a finished run whose answers think what there is to be learned of thoughts."""
    run = open_run(study.out)
    thought_map(run, progress=seen)
    early_exit_curve(run)
    write_report(run)


def update(study: Study, seen: Seen) -> None:
    """Update a run with another seed for its split."""
    run_study(with_settings(study, {"seed": 1}), update=True, progress=seen)


def sample(study: Study, seen: Seen) -> None:
    """Draw samples."""
    sample_answers(open_run(study.out), SampleSettings(k=1), progress=seen)


def sample_more(study: Study, seen: Seen) -> None:
    """Draw more samples of a run that has some."""
    sample_answers(open_run(study.out), SampleSettings(k=4), progress=seen)


def seal(study: Study, seen: Seen) -> None:
    """Seal a detector in the run's folder."""
    run = open_run(study.out)
    seal_detector(run, run.folder / "detector", progress=seen)


def seal_elsewhere(study: Study, seen: Seen) -> None:
    """Seal a detector in a folder of its own."""
    seal_detector(open_run(study.out), study.out.parent / "sealed", progress=seen)


def compare(study: Study, seen: Seen) -> None:
    """Compare, asking the model."""
    compare_run(open_run(study.out), progress=seen)


def select(study: Study, seen: Seen) -> None:
    """Choose among samples."""
    select_answers(open_run(study.out), progress=seen)


def errors(study: Study, seen: Seen) -> None:
    """Sort by kinds of error."""
    type_errors(open_run(study.out), progress=seen)


def labels(study: Study, seen: Seen) -> None:
    """Map other labels."""
    run = open_run(study.out)
    map_labels(run, "kind", labels_of(run), permutations=0, progress=seen)


def control(study: Study, seen: Seen) -> None:
    """Measure two controls more, one of them on samples."""
    controls(open_run(study.out), ControlSettings(only=("question-side", "recall-or-truth")), progress=seen)


def thought(study: Study, seen: Seen) -> None:
    """Map the thoughts."""
    thought_map(open_run(study.out), progress=seen)


def early_exit(study: Study, _seen: Seen) -> None:
    """See what ending thoughts early would save."""
    early_exit_curve(open_run(study.out))


def export(study: Study, _seen: Seen) -> None:
    """Export a cell in every format."""
    data = RunData.load(open_run(study.out))
    cell = CellExport(data, chosen_cell(data, -1))  # control vectors are added after the first layer
    for form in EXPORTS.values():
        form.load()(study.out.parent / f"cell{form.ending}", cell)


def diff(study: Study, seen: Seen) -> None:
    """Compare with the run beside it."""
    diff_runs(open_run(study.out), open_run(_other(study)), study.out.parent / "out", progress=seen)


def transfer(study: Study, seen: Seen) -> None:
    """Carry probes over to the run beside it and back."""
    runs = [open_run(study.out), open_run(_other(study))]
    transfer_runs(runs, study.out.parent / "out", site=Site.RESIDUAL, progress=seen)


def figure(study: Study, _seen: Seen) -> None:
    """Draw a figure into a file."""
    draw_and_save(lambda: draw_figure(open_run(study.out), "map"), study.out.parent / "map.png", FigureStyle())


def _other(study: Study) -> Path:
    return study.out.parent / "other"


def beside(study: Study) -> None:
    """Put a copy of the run beside it."""
    shutil.copytree(study.out, _other(study))


def report(study: Study, seen: Seen) -> None:
    """Write the page anew."""
    write_report(open_run(study.out))


def repair(study: Study, seen: Seen) -> None:
    """Have what is broken made again."""
    repair_run(study.out, seen)


def lose_a_shard(study: Study) -> None:
    """Break a file of states, for `repair` to mend."""
    store = StateStore(study.out / "states")
    path = study.out / "states" / f"{store.numbers[1]:05d}.safetensors"
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)


def nothing(study: Study) -> None:
    """Leave the run as it is."""


@dataclass(frozen=True)
class Writer:
    """A command that writes.

    Attributes:
        act: What it does.
        prepare: What is done to the run before it.
        run: The fixture of the run that it is given a copy of.
    """

    act: Act
    prepare: Callable[[Study], None] = nothing
    run: str = "whole"


WRITERS: Mapping[str, Writer] = {
    "run --update": Writer(update),
    "sample": Writer(sample),
    "sample --k more": Writer(sample_more),
    "compare": Writer(compare),
    "select": Writer(select),
    "errors": Writer(errors),
    "labels": Writer(labels),
    "controls": Writer(control),
    "thought": Writer(thought, run="thinking_run"),
    "early-exit": Writer(early_exit, run="thinking_run"),
    "diff": Writer(diff, beside),
    "transfer": Writer(transfer, beside),
    "figure": Writer(figure),
    "export": Writer(export),
    "detector": Writer(seal),
    "detector --out": Writer(seal_elsewhere),
    "report": Writer(report),
    "verify --repair": Writer(repair, lose_a_shard),
}
"""Each command that writes."""
