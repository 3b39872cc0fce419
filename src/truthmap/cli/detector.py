"""`truthmap detector`: seal the best cell of a map as an error detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.errors import PartialError, RunFolderError, StorageError, UsageError
from truthmap.positions import Position
from truthmap.records import Site
from truthmap.runs.file_names import DETECTOR
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, local, path_in_run
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.detector.artifact import Artifact


@replies("truthmap.cli.output_verdict:SealedDetector")
def detector(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="The detector's folder", show_default="RUN/detector", callback=local)
    ] = None,
    at_most: Annotated[
        float, typer.Option(help="Selective risk (wrong among accepted answers) that decides: trust or don't trust")
    ] = 0.10,
    confidence: Annotated[float, typer.Option(help="How sure each guarantee is")] = 0.95,
    false_alarms: Annotated[
        float, typer.Option(help="Share of answers like the training ones that may be flagged as out of distribution")
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
    push: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME",
            help="Push it to the Hugging Face hub, too; the training questions go with it",
            show_default=False,
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="A repository that --push makes is private")] = False,
) -> Reply:
    """Seal the best cell of a run as a detector: refitted, calibrated, with thresholds that have a guarantee."""
    from truthmap.cli.output_verdict import SealedDetector, print_detector
    from truthmap.detector.fit_head import SealSettings
    from truthmap.detector.hub import require_repository
    from truthmap.pipeline.seal import DetectorSettings, seal_detector
    from truthmap.probes.grid import Cell

    opened = open_run(run)
    if push is not None:
        require_repository(push)  # before the work, not behind it
    elif private:
        raise UsageError("--private goes with --push: it says who sees the repository that --push makes")
    if site is not None and not cell:
        raise UsageError("--site goes with --cell")
    cells = tuple(Cell(site or opened.summary.site, *_cell(text)) for text in cell or ())
    seal = SealSettings(limit=at_most, confidence=confidence, false_alarms=false_alarms)
    artifact = seal_detector(
        opened, out or opened.folder / DETECTOR, DetectorSettings(seal, cells or None, keep_records=records), Bars()
    )
    folder = str(out or path_in_run(run, DETECTOR))
    pushed = None if push is None else _pushed(artifact, folder, push, private)
    return Reply(
        SealedDetector(folder, artifact.config, pushed), lambda: print_detector(artifact.config, folder, pushed)
    )


def _pushed(artifact: Artifact, folder: str, repo: str, private: bool) -> str:
    """Push what was sealed; return what it is called on the hub.

    Raises:
        PartialError: it was not pushed; it is sealed all the same.
    """
    from truthmap.detector.hub import push_detector

    try:
        return push_detector(artifact, repo, private=private or None)
    except (RunFolderError, StorageError) as error:
        raise PartialError(
            f"the detector is sealed in {folder}, but was not pushed: {error}; in Python "
            f'load_detector("{folder}").push_to_hub("{repo}") pushes what is sealed'
        ) from error


def _cell(text: str) -> tuple[int, Position]:
    """Read a cell of the form LAYER:POSITION."""
    layer, colon, position = text.partition(":")
    if not colon or not layer.isdecimal():
        raise UsageError(f"--cell {text!r} is no cell: expected LAYER:POSITION, as 12:exact_answer_last")
    try:
        return int(layer), Position.of(position)
    except UsageError as error:
        raise UsageError(f"--cell {text!r} is no cell: expected LAYER:POSITION, but {error}") from error
