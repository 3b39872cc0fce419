"""What the table of flipped bits does with a run: every command that reads it, and what that finds as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import fields, is_dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from tests.killing import Seen

from truthmap.analyses.audit.run import audit_run
from truthmap.analyses.compare.run import compare_run
from truthmap.analyses.controls.run import controls
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.analyses.diff.run import diff_runs
from truthmap.analyses.early_exit.run import early_exit_curve
from truthmap.analyses.errors.run import type_errors
from truthmap.analyses.labels.run import map_labels
from truthmap.analyses.samples.run import read_samples, sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.analyses.select.run import select_answers
from truthmap.analyses.thought.run import thought_map
from truthmap.analyses.transfer.run import transfer_runs
from truthmap.cli.output_summary import print_summary
from truthmap.detector.artifact import load_artifact
from truthmap.errors import DamagedFileError
from truthmap.pipeline.seal import seal_detector
from truthmap.pipeline.verify import verify_run
from truthmap.records import Site
from truthmap.report.build import page_of
from truthmap.report.figures import draw_figure
from truthmap.runs.cells import chosen_cell
from truthmap.runs.data import RunData
from truthmap.runs.exports.cell_export import CellExport
from truthmap.runs.run import Run, open_run

Read = Callable[[Path, Path], Any]
"""What a command finds, of the run at the first path and, where it takes two, another."""


def labels_of(run: Run) -> dict[str, str]:
    """Return a label for each question, by its number."""
    return {q.id: ("even", "odd")[int(q.id[1:]) % 2] for q in RunData.load(run).questions}


def _figure(path: Path) -> str:
    axes = draw_figure(open_run(path), "map")
    return str(axes.collections[0].get_array().tolist())


def _transfer(path: Path, other: Path) -> Any:
    return transfer_runs([open_run(path), open_run(other)], path.parent / "out", site=Site.RESIDUAL)


def _show(path: Path) -> str:
    with redirect_stdout(StringIO()) as shown:
        print_summary(open_run(path))
    return shown.getvalue()


def _controls(path: Path) -> Any:
    seen = Seen()
    found = controls(open_run(path), ControlSettings(only=("question-side", "hidden-knowledge")), progress=seen)
    return found, [news for news in seen.news if " is left out" in news]


def _exported(path: Path) -> Any:
    data = RunData.load(open_run(path))
    export = CellExport(data, chosen_cell(data))
    return {name: array.tolist() for name, array in export.arrays.items()}, export.texts, export.table.to_dict()


def _verified(path: Path) -> str:
    faults = verify_run(path)
    if faults:
        raise DamagedFileError(str(faults[0]))
    return "whole"


READERS: Mapping[str, Read] = {
    "verify": lambda path, _other: _verified(path),
    "show": lambda path, _other: _show(path),
    "report": lambda path, _other: page_of(open_run(path)),
    "figure": lambda path, _other: _figure(path),
    "export": lambda path, _other: _exported(path),
    "audit": lambda path, _other: audit_run(path),
    "detector": lambda path, _other: seal_detector(open_run(path), path.parent / "sealed").config,
    "detector read": lambda path, _other: load_artifact(path / "detector").config,
    "compare": lambda path, _other: compare_run(open_run(path)),
    "select": lambda path, _other: select_answers(open_run(path)),
    "errors": lambda path, _other: type_errors(open_run(path)),
    "labels": lambda path, _other: map_labels(open_run(path), "kind", labels_of(open_run(path)), permutations=0),
    "controls": lambda path, _other: _controls(path),
    "diff": lambda path, other: diff_runs(open_run(path), open_run(other), path.parent / "out"),
    "transfer": _transfer,
    "sample": lambda path, _other: sample_answers(open_run(path), SampleSettings(k=2)),
    "samples read": lambda path, _other: read_samples(open_run(path)),
}
"""The commands that read a run."""

THOUGHT_READERS: Mapping[str, Read] = {
    "thought": lambda path, _other: thought_map(open_run(path)),
    "early-exit": lambda path, _other: early_exit_curve(open_run(path)),
    "report": READERS["report"],
}
"""The same of a run whose answers think."""


def found_by(read: Read, path: Path, other: Path) -> str:
    """Return what a command finds as text, to be compared."""
    return text_of(read(path, other))


def text_of(found: Any) -> str:
    """Return all that something holds as text; a `repr` shows only so much of it."""
    if isinstance(found, str):
        return found
    if isinstance(found, BaseModel):
        return found.model_dump_json()
    if is_dataclass(found):
        return text_of({field.name: getattr(found, field.name) for field in fields(found)})
    if isinstance(found, Mapping):
        return text_of([*found.items()])
    if isinstance(found, list | tuple | set | frozenset):
        return f"[{', '.join(map(text_of, found))}]"
    return str(found.tolist()) if isinstance(found, np.ndarray) else repr(found)
