"""`truthmap scores`: P(wrong) and the verdict beside every sample, in the log that the answers came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from truthmap.cli.detector_folder import detector_folder
from truthmap.cli.replies import ScoresWritten
from truthmap.errors import UsageError
from truthmap.pipeline.score_logs.registry import SCORE_FORMATS
from truthmap.runs.run import open_run
from truthmap.terminal import completion
from truthmap.terminal.options import RunArgument, local
from truthmap.terminal.output import print_lines
from truthmap.terminal.reply import Reply, replies

_FORMATS = "; ".join(f"{each.name}: {each.holds}" for each in SCORE_FORMATS.values())


@replies("truthmap.cli.replies:ScoresWritten")
def scores(
    run: RunArgument,
    to: Annotated[
        str, typer.Option(help=_FORMATS, show_default=False, autocompletion=completion.of_names(SCORE_FORMATS))
    ],
    log: Annotated[
        Path | None, typer.Option(help="Where the log is now", show_default="as the run read it", callback=local)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write", show_default="LOG.scored or RUN-scores.csv, here", callback=local),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            help="A detector of the run", show_default="the one in its folder", autocompletion=completion.detectors
        ),
    ] = None,
) -> Reply:
    """Write P(wrong) and the verdict beside every sample, in the log that the answers came from, or as a table.

    Without a sealed detector there is a score, and no P(wrong). No answer is scored by a probe that has seen it.
    """
    if to not in SCORE_FORMATS:
        raise UsageError(f"there is no format {to!r}; expected one of {', '.join(SCORE_FORMATS)}")
    from truthmap.pipeline.answer_scores import score_own_answers
    from truthmap.pipeline.score_logs.base import ScoredLog, require_another_file
    from truthmap.questions.columns import Columns
    from truthmap.runs.data import RunData

    opened, form = open_run(run), SCORE_FORMATS[to]
    asked = opened.settings["settings"]["questions"]
    source = log or Path(str(asked["name"]))
    stem = f"{source.stem}.scored{source.suffix}" if form.needs_log else f"{opened.name}-scores.csv"
    target = out or Path(stem)
    if form.needs_log:
        require_another_file(source, target)
    data = RunData.load(opened)
    found = score_own_answers(data, None if detector is None else detector_folder(detector))
    scored = ScoredLog(source, data, found, Columns(**asked.get("columns", {})))
    count = form.load()(scored, target)
    written = ScoresWritten(
        written=str(target), format=to, scored=count, verdicts=found.counts, detector=found.detector
    )
    return Reply(written, lambda: _show(written))


def _show(written: ScoresWritten) -> None:
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in written.verdicts.items())
    by = "the best cell alone; seal a detector for P(wrong)" if written.detector is None else written.detector
    print_lines([f"{written.written}: {written.scored:,} samples with a score ({verdicts}), by {by}"])
