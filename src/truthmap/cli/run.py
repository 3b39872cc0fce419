"""`truthmap run`: the map of a model on a set of questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from truthmap.cli.output_summary import print_summary
from truthmap.runs.folder import RunFolder
from truthmap.study.study import Study, settings_of_a_study, with_settings
from truthmap.study.study_file import read_study, write_study
from truthmap.terminal.progress import Bars, Progress
from truthmap.terminal.study_options import study_options


@study_options(settings_of_a_study())
def run(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="STUDY.yaml", help="A file with settings; options override it", show_default=False),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the settings to a file, and run nothing", show_default=False)
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Redo what depends on settings changed since the run was made")
    ] = False,
    *,
    given: dict[str, Any],
) -> None:
    """Draw the map: ask the questions, grade the answers, capture the states, fit a probe in every cell.

    Killed at any time, the same command goes on where it stopped.
    """
    settings = with_settings(Study() if study is None else read_study(study), given)
    if write is not None:
        write_study(settings, write)
        return
    from truthmap.pipeline.up_to_date import bring_up_to_date

    print_summary(bring_up_to_date(settings, _make_stages, update=update, progress=Bars()))


def _make_stages(
    study: Study, folder: RunFolder, keys: Mapping[str, str], unfinished: Sequence[str], progress: Progress
) -> None:
    """Make what a run lacks; what makes it is loaded only now, so that a finished run is shown at once."""
    from truthmap.pipeline.runner import make_stages

    make_stages(study, folder, keys, unfinished, progress)
