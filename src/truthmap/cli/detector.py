"""`truthmap detector`: seal the best place on a map as an error detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from truthmap.errors import UsageError
from truthmap.records import POSITIONS, Position, Site
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, beside, local
from truthmap.terminal.progress import Bars

if TYPE_CHECKING:
    from truthmap.detector.config import DetectorConfig
    from truthmap.probes.grid import Cell


def detector(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="The detector's folder", show_default="RUN/detector", callback=local)
    ] = None,
    at_most: Annotated[
        float, typer.Option(help="Share of wrong answers among those let through that decides: trust or don't trust")
    ] = 0.10,
    confidence: Annotated[float, typer.Option(help="How sure each promise is to hold")] = 0.95,
    false_alarms: Annotated[
        float, typer.Option(help="Share of answers like the training ones that may be flagged as far from them")
    ] = 0.01,
    cell: Annotated[
        list[str] | None,
        typer.Option(
            help="Read here: LAYER:POSITION, as 12:exact_answer_last; several times for several cells",
            show_default="the map's best",
        ),
    ] = None,
    site: Annotated[Site | None, typer.Option(help="Read this site", show_default="the map's best cell")] = None,
    records: Annotated[
        bool, typer.Option(help="Seal the training questions too, to show the most similar ones")
    ] = True,
) -> None:
    """Seal the best cell of a run as a detector: refitted, calibrated, with thresholds that keep a promise."""
    from truthmap.detector.fit_head import SealSettings
    from truthmap.pipeline.seal import DetectorSettings, seal_detector

    made = open_run(run)
    if site is not None and not cell:
        raise UsageError("--site goes with --cell")
    cells = tuple(_cell(text, site or made.summary.site) for text in cell or ())
    seal = SealSettings(limit=at_most, confidence=confidence, false_alarms=false_alarms)
    artifact = seal_detector(
        made, out or made.path / "detector", DetectorSettings(seal, cells or None, keep_records=records), Bars()
    )
    _print(artifact.config, str(out or beside(run, "detector")))


def _cell(text: str, site: Site) -> Cell:
    """Read a cell of the form LAYER:POSITION."""
    from truthmap.probes.grid import Cell

    layer, colon, position = text.partition(":")
    if not colon or not layer.isdecimal() or position not in [str(known) for known in POSITIONS]:
        raise UsageError(
            f"--cell {text!r} is no cell: expected LAYER:POSITION, with a position of {', '.join(map(str, POSITIONS))}"
        )
    return Cell(site, int(layer), Position(position))


def _print(config: DetectorConfig, folder: str) -> None:
    """Print what was sealed, in lines that a narrow terminal holds."""
    console = Console()
    console.print(Text(f"Detector for {config.model.identity['name']} from {config.training.questions}", "bold"))
    for head in config.heads:
        reads = ", ".join(f"layer {at.layer} {at.position}" for at in head.cells)
        console.print(Text(f"{head.role}: {reads} ({config.site})"))
        console.print(Text(f"  AUC {head.test} on {head.test.n} test answers"))
        console.print(
            Text(
                f"  P(wrong) by {head.calibration.method}, off by {head.reliability.expected_calibration_error:.3f} on average "
                f"(by chance {head.reliability.chance_calibration_error:.3f}); "
                f"{head.ood.false_alarms:.1%} flagged as far"
            )
        )
    console.print(Text("Promises of the answer head", "bold"))
    for guarantee in config.heads[0].guarantees:
        said = guarantee.sentence.partition(": not promised")[0]
        console.print(Text(f"{'✓' if guarantee.kept else '–'} {said}", "green" if guarantee.kept else "yellow"))
        through = f"lets {guarantee.coverage:.0%} through: " if guarantee.kept else "not promised: "
        console.print(Text(f"  {through}{guarantee.why}"))
    console.print(Text(f'Sealed in {folder}; ask it with: truthmap ask {folder} "…"'), soft_wrap=True)
