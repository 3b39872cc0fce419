"""What a tracker is told of a run: its settings, its numbers, its figures and its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from truthmap.files import write_bytes
from truthmap.metrics.estimate import Estimate
from truthmap.runs.file_names import HEATMAP_PNG, REPORT
from truthmap.runs.run import Run
from truthmap.runs.summary import Summary

_PAGE = "report"
"""The stage that writes the page; a run is read without it."""
_SETTINGS = ("settings", "model_identity", "questions", "versions")
_COUNTS = ("right", "wrong", "unscored", "refusals", "found_right", "found_wrong", "converged", "layer", "C")


@dataclass(frozen=True)
class TrackedRun:
    """A finished run, as trackers take it.

    Attributes:
        name: The last part of its address.
        address: Its folder or URL.
        settings: Setting with dots → value, a text or a number: what study.yaml says.
        numbers: Name → number: the summary's; of an estimate also its `.low` and `.high`.
        figures: PNG files.
        page: The page, where the run has one.
    """

    name: str
    address: str
    settings: Mapping[str, str | float | bool]
    numbers: Mapping[str, float]
    figures: Sequence[Path]
    page: Path | None


@contextmanager
def as_tracked(run: Run) -> Iterator[TrackedRun]:
    """Give a finished run as trackers take it; its files are copies, checked against the ledger, for this long."""
    with TemporaryDirectory(prefix="truthmap-") as folder:
        run.added(_PAGE)  # after this the snapshot knows the page, if there is one
        copied = {name: Path(folder) / name for name in (HEATMAP_PNG, REPORT) if run.snapshot.has(name)}
        for name, path in copied.items():
            write_bytes(path, run.snapshot.read(name))
        yield TrackedRun(
            name=run.name,
            address=run.address,
            settings={name: value for part in _SETTINGS for name, value in _flat(run.settings.get(part), part)},
            numbers=numbers_of(run.summary),
            figures=tuple(path for name, path in copied.items() if name == HEATMAP_PNG),
            page=copied.get(REPORT),
        )


def numbers_of(summary: Summary) -> dict[str, float]:
    """Return the numbers of a summary by their names."""
    found = {name: float(getattr(summary, name)) for name in _COUNTS}
    estimates = {"validation": summary.validation, "test": summary.test}
    for name in ("text_baseline", "free_score", "before_answering"):
        rival = getattr(summary, name)
        if rival is not None:
            estimates |= {f"{name}.test": rival.test, f"{name}.gain": rival.gain}
    if summary.within is not None:
        estimates["within_same_answer"] = summary.within.probe
    for name, estimate in estimates.items():
        found |= _ends(name, estimate)
    found |= {name: value for name in ("p_value", "null_95") if (value := getattr(summary, name)) is not None}
    return found


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}.low": estimate.low, f"{name}.high": estimate.high}


def _flat(value: Any, name: str) -> Iterator[tuple[str, str | float | bool]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}")
    elif isinstance(value, (bool, int, float, str)):
        yield name, value
    elif value is not None:
        yield name, str(value)
