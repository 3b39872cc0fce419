"""The run's sealed detector as a section of the page: where it reads, what it guarantees, how well that holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from truthmap.errors import TruthmapError
from truthmap.report.page import Download, Picture, Section, Table, texts
from truthmap.report.sections import Room
from truthmap.runs.run import Run

if TYPE_CHECKING:
    from truthmap.detector.config import DetectorConfig

_NAME, _TITLE = "detector", "The detector and its guarantee"


def detector_sections(run: Run, room: Room) -> tuple[Section, ...]:
    """Return the section of the detector in the run folder, or nothing where there is none."""
    folder = run.path / _NAME
    if not (folder / "config.json").is_file():
        return ()
    from truthmap.detector.artifact import load_artifact

    try:
        config = load_artifact(run.folder / _NAME).config
    except TruthmapError as error:
        return (Section(_NAME, _TITLE, fault=f"The detector cannot be shown: {error}"),)
    content = (folder / "config.json").read_bytes()
    file = Download("detector.json", "application/json", content)
    pictures = tuple(
        Picture(shows, "image/svg+xml", path.read_bytes())
        for name, shows in (
            ("risk_coverage", "Selective risk over coverage on the test answers"),
            ("reliability", "Observed share of wrong answers over predicted P(wrong)"),
        )
        if (path := folder / f"{name}.svg").is_file() and room.take(path.stat().st_size)
    )
    files = (file,) if room.take(len(content)) else ()
    return (Section(_NAME, _TITLE, tuple(_says(config)), pictures, tuple(_tables(config)), files),)


def _says(config: DetectorConfig) -> Iterator[str]:
    first = config.heads[0].guarantees[0]
    result = f"it holds at a coverage of {first.coverage:.0%}" if first.holds else f"it is not given: {first.why}"
    yield f"Guarantee: {first.claim}; {result}."[:500]


def _tables(config: DetectorConfig) -> Iterator[Table]:
    heads = [
        (
            head.role,
            ", ".join(f"layer {cell.layer} {cell.position}" for cell in head.cells),
            str(head.test),
            head.test.n,
            head.calibration.method,
            head.reliability.expected_calibration_error,
            f"{head.ood.false_alarms.value:.1%}",
        )
        for head in config.heads
    ]
    columns = (
        "used for",
        "reads",
        "AUC on test",
        "answers",
        "calibrated by",
        "calibration error",
        "out of distribution",
    )
    yield Table("What it reads, and how well it does on the test part", columns, texts(heads))
    guarantees = [
        (
            guarantee.claim,
            "yes" if guarantee.holds else "no",
            guarantee.threshold,
            f"{guarantee.coverage:.0%}",
            guarantee.why,
        )
        for guarantee in config.heads[0].guarantees
    ]
    heading = ("guarantee", "holds", "threshold", "coverage", "why")
    yield Table("Guarantees for answers whose exact answer is found", heading, texts(guarantees))
