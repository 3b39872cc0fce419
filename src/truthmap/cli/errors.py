"""`truthmap errors`: the kinds of error of a sampled run, and whether they can be read before sampling."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import typer

from truthmap.analyses import ErrorTypes, Estimate
from truthmap.cli.tables import print_lines, print_table
from truthmap.cli.where import RunArgument
from truthmap.errors import UsageError
from truthmap.pipeline import Bars, open_run
from truthmap.pipeline.error_types import type_errors


def errors(
    run: RunArgument,
    protocol: Annotated[
        str, typer.Option(help="truthmap: each question has one type; study: the study's overlapping types")
    ] = "truthmap",
) -> None:
    """Sort the questions by kind of error, from their samples, and draw a map of each kind.

    Samples are those that `truthmap sample` drew.
    """
    if protocol not in ("truthmap", "study"):
        raise UsageError(f"--protocol must be truthmap or study, got {protocol!r}")
    chosen = cast('Literal["truthmap", "study"]', protocol)
    result = type_errors(open_run(run), protocol=chosen, progress=Bars())
    _print(result)
    print_lines([f"Tables, maps and figure: {run / 'analyses'}/errors*"])


def _print(result: ErrorTypes) -> None:
    print_table(
        f"{result.model} on {result.questions}: {result.sampled} questions, {result.k} samples each, protocol "
        f"{result.protocol}; {result.without_type} without a type",
        ("type", "questions", "greedy right", "best cell", "AUC validation", "AUC test [95 %]", "log-prob [95 %]"),
        (
            (
                str(score.type).replace("_", " "),
                f"{score.n} ({score.n / result.sampled:.0%})",
                "-" if score.greedy_right is None else f"{score.greedy_right:.0%}",
                score.why_not if score.layer is None else f"layer {score.layer}, {score.position}",
                "" if score.validation is None else f"{score.validation.value:.3f}",
                _shown(score.test),
                _shown(score.log_prob),
            )
            for score in result.types
        ),
    )


def _shown(estimate: Estimate | None) -> str:
    return "" if estimate is None else str(estimate)
