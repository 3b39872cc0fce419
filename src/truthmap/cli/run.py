"""`truthmap run`: the map of a model on a set of questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from truthmap.cli.replies import WrittenFile
from truthmap.cli.show import run_reply
from truthmap.errors import PartialError
from truthmap.pipeline.trackers.registry import TRACKERS, trackers_named
from truthmap.runs.folder import RunFolder
from truthmap.study.study import Study, settings_of_a_study, with_settings
from truthmap.study.study_file import read_study, write_study
from truthmap.terminal import completion
from truthmap.terminal.progress import Bars, Progress
from truthmap.terminal.reply import Reply, replies, tell
from truthmap.terminal.study_options import study_options


@replies("truthmap.cli.run_found:RunFound", "truthmap.cli.replies:WrittenFile")
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
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"Tell a tracker of the run when it is finished; one of {', '.join(TRACKERS)}; again for more",
            show_default=False,
            autocompletion=completion.of_names(TRACKERS),
        ),
    ] = None,
    *,
    given: dict[str, Any],
) -> Reply | None:
    """Draw the map: ask the questions, grade the answers, capture the states, fit a probe in every cell.

    Killed at any time, the same command goes on where it stopped.
    """
    settings = with_settings(Study() if study is None else read_study(study), given)
    if write is not None:
        write_study(settings, write)
        return Reply(WrittenFile.at(write, write), lambda: None)
    from truthmap.pipeline.trackers.tell import track_run
    from truthmap.pipeline.up_to_date import bring_up_to_date

    trackers = trackers_named(track or ())
    made = bring_up_to_date(settings, _make_stages, update=update, progress=Bars())
    tracked = track_run(made, trackers, Bars().say)
    tell(run_reply(made, tracked.seen))
    if tracked.faults:
        raise PartialError(
            f"the run is finished and kept, but not tracked: {'; '.join(tracked.faults)}; when that is mended, start "
            "the same command again"
        )
    return None


def _make_stages(
    study: Study, folder: RunFolder, keys: Mapping[str, str], unfinished: Sequence[str], progress: Progress
) -> None:
    """Make what a run lacks; what makes it is loaded only now, so that a finished run is shown at once."""
    from truthmap.pipeline.runner import make_stages

    make_stages(study, folder, keys, unfinished, progress)
