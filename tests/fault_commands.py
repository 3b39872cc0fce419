"""What the fault tables do to a run: every command that reads it, and every one that writes into it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tests.killing import Act, Seen

from truthmap.analyses.compare.run import compare_run
from truthmap.analyses.diff.run import diff_runs
from truthmap.analyses.errors.run import type_errors
from truthmap.analyses.labels.run import map_labels
from truthmap.analyses.samples.run import read_samples, sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.analyses.select.run import select_answers
from truthmap.analyses.transfer.run import transfer_runs
from truthmap.figures.canvas import FigureStyle, draw_and_save
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.seal import seal_detector
from truthmap.pipeline.verify import repair_run, verify_run
from truthmap.records import Site
from truthmap.report.build import page_of, write_report
from truthmap.report.figures import draw_figure
from truthmap.runs.data import RunData
from truthmap.runs.run import Run, open_run
from truthmap.store.states import StateStore
from truthmap.study.study import Study, with_settings


def labels_of(run: Run) -> dict[str, str]:
    """Return a label for each question, by its number."""
    return {q.id: ("even", "odd")[int(q.id[1:]) % 2] for q in RunData.load(run).questions}


def _figure(path: Path) -> str:
    axes = draw_figure(open_run(path), "map")
    return str(axes.images[0].get_array().tolist() if axes.images else axes.collections[0].get_array().tolist())


def _transfer(path: Path, other: Path) -> Any:
    return transfer_runs([open_run(path), open_run(other)], path.parent / "out", site=Site.RESIDUAL)


READERS: Mapping[str, Callable[[Path, Path], Any]] = {
    "report": lambda path, _other: page_of(open_run(path)),
    "figure": lambda path, _other: _figure(path),
    "detector": lambda path, _other: seal_detector(open_run(path), path.parent / "sealed").config,
    "compare": lambda path, _other: compare_run(open_run(path)),
    "select": lambda path, _other: select_answers(open_run(path)),
    "errors": lambda path, _other: type_errors(open_run(path)),
    "labels": lambda path, _other: map_labels(open_run(path), "kind", labels_of(open_run(path)), permutations=0),
    "diff": lambda path, other: diff_runs(open_run(path), open_run(other), path.parent / "out"),
    "transfer": _transfer,
    "sample": lambda path, _other: sample_answers(open_run(path), SampleSettings(k=2)),
    "samples read": lambda path, _other: read_samples(open_run(path)),
}
"""Each gives what it found, of the run at the first path and, where it takes two, another."""


def found_by(command: str, path: Path, other: Path) -> str:
    """Return what a command finds as text, to be compared."""
    found = READERS[command](path, other)
    return found.model_dump_json() if isinstance(found, BaseModel) else repr(found)


def complete(study: Study, seen: Seen) -> None:
    """Add to a finished run all that can be added."""
    run = open_run(study.out)
    sample_answers(run, SampleSettings(k=2), progress=seen)
    compare_run(run, progress=seen)
    select_answers(run, progress=seen)
    type_errors(run, progress=seen)
    map_labels(run, "kind", labels_of(run), permutations=0, progress=seen)
    seal_detector(run, run.folder / "detector", progress=seen)
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


WRITERS: Mapping[str, tuple[Act, Callable[[Study], None]]] = {
    "run --update": (update, nothing),
    "sample": (sample, nothing),
    "sample --k more": (sample_more, nothing),
    "compare": (compare, nothing),
    "select": (select, nothing),
    "errors": (errors, nothing),
    "labels": (labels, nothing),
    "diff": (diff, beside),
    "transfer": (transfer, beside),
    "figure": (figure, nothing),
    "detector": (seal, nothing),
    "detector --out": (seal_elsewhere, nothing),
    "report": (report, nothing),
    "verify --repair": (repair, lose_a_shard),
}
"""Each command that writes, and what is done to the run before it."""


def faults_of(path: Path) -> bool:
    """Tell whether `verify` finds anything."""
    return bool(verify_run(path))
