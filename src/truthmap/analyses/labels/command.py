"""`truthmap labels`: the same map for any other label."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, SavedResult, SummaryTable
from truthmap.analyses.labels.measure import LabelKind
from truthmap.records import Site
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.analyses.labels.measure import LabelMaps


@replies("truthmap.analyses.labels.measure:LabelMaps")
def labels(
    run: RunArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, TSV, JSON Lines or Parquet file with a label for each question")
    ],
    column: Annotated[str, typer.Option(help="The column of labels")],
    id_column: Annotated[
        str | None,
        typer.Option(help="The column of question ids, or of the questions' texts", show_default="id, …, question, …"),
    ] = None,
    kind: Annotated[
        LabelKind,
        typer.Option(help="Classes, or numbers, which have an order; auto: numbers, if more than two"),
    ] = LabelKind.AUTO,
    site: Annotated[Site | None, typer.Option(help="What is read", show_default="that of the map's best cell")] = None,
    permutations: Annotated[
        int | None,
        typer.Option(
            help="Shuffles of the labels for the p-values; 0: none",
            min=0,
            show_default="100, or 25 for each label where that is more",
        ),
    ] = None,
) -> Reply:
    """Map where a label of your own can be read: a topic, a human verdict, a kind of error."""
    from truthmap.analyses.labels.read import read_labels
    from truthmap.analyses.labels.run import map_labels

    made = open_run(run)
    of_question = read_labels(file, column, id_column)
    found = map_labels(made, column, of_question, site=site, permutations=permutations, kind=kind, progress=Bars())
    last = []
    if found.unlabelled or found.unknown:
        last.append(f"{found.unlabelled} scored answers have no label, {found.unknown} labels have no scored answer")
    if found.too_few:
        last.append("too few answers for a map: " + ", ".join(f"{k} ({v})" for k, v in found.too_few.items()))
    return Reply(found, lambda: print_findings(summarize(found), last))


def summarize(found: LabelMaps) -> tuple[SummaryTable, ...]:
    """Return a row per label: where it is read best, and how well."""
    rows = (
        (
            score.told,
            str(score.n),
            f"layer {score.layer}, {score.position}",
            str(score.validation),
            "–" if score.p_value is None else f"{score.p_value:.3f}",
            "–" if score.p_corrected is None else f"{score.p_corrected:.3f}",
            "–" if score.test is None else str(score.test),
        )
        for score in found.scores
    )
    columns = ("label", "answers", "best cell", f"{found.measure} on validation", "p", "p of all labels", "on test")
    return (
        SummaryTable(f"{found.column}: {found.labelled} labelled answers, site {found.site}", columns, tuple(rows)),
    )


ANALYSIS = Analysis(
    "labels",
    labels,
    SavedResult("Other labels", "truthmap.analyses.labels.measure:LabelMaps", summarize, keyed=True),
)
