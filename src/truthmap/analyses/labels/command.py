"""`truthmap labels`: the same map for any other label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from truthmap.records import Site
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument
from truthmap.terminal.output import print_lines, print_table
from truthmap.terminal.progress import Bars


def labels(
    run: RunArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, TSV, JSON Lines or Parquet file with a label for each question")
    ],
    column: Annotated[str, typer.Option(help="The column of labels")],
    id_column: Annotated[str, typer.Option(help="The column of question ids")] = "id",
    site: Annotated[Site | None, typer.Option(help="What is read", show_default="that of the map's best cell")] = None,
    permutations: Annotated[int, typer.Option(help="Shuffles of the labels for the p-values; 0: none", min=0)] = 100,
) -> None:
    """Map where a label of your own can be read: a topic, a human verdict, a kind of error."""
    from truthmap.analyses.labels.read import read_labels
    from truthmap.analyses.labels.run import map_labels
    from truthmap.report.told import tell_labels

    made = open_run(run)
    of_question = read_labels(file, column, id_column)
    found = map_labels(made, column, of_question, site=site, permutations=permutations, progress=Bars())
    told = tell_labels(found)
    print_table(
        f"{found.column}: {found.labelled} labelled answers of {made.summary.model} on {made.summary.questions}",
        told.columns,
        told.rows,
    )
    if found.unlabelled or found.unknown:
        print_lines([f"{found.unlabelled} scored answers have no label, {found.unknown} labels have no scored answer"])
    if found.too_few:
        print_lines(["too few answers for a map: " + ", ".join(f"{k} ({v})" for k, v in found.too_few.items())])
