"""`truthmap errors`: the kinds of error of a sampled run, and whether they can be read before sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.errors import UsageError
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.analyses.errors.measure import ErrorTypes, TypeScore


@replies("truthmap.analyses.errors.measure:ErrorTypes")
def errors(
    run: RunArgument,
    protocol: Annotated[
        str, typer.Option(help="truthmap: each question has one type; paper: the paper's overlapping types")
    ] = "truthmap",
) -> Reply:
    """Sort the questions by kind of error, from their samples, and draw a map of each kind.

    Samples are those that `truthmap sample` drew.
    """
    from truthmap.analyses.errors.measure import TypeProtocol
    from truthmap.analyses.errors.run import type_errors

    if protocol not in set(TypeProtocol):
        raise UsageError(f"--protocol must be {' or '.join(TypeProtocol)}, got {protocol!r}")
    result = type_errors(open_run(run), protocol=TypeProtocol(protocol), progress=Bars())
    last = [f"{_name(score)}: no map: {score.why_not}" for score in result.types if score.why_not]
    if result.without_type:
        share = result.without_type / result.sampled
        last.insert(0, f"{result.without_type} questions ({share:.0%}) {result.why_without_type}")
    last.append(f"Tables, maps and figure: {path_in_run(run, ANALYSES)}/errors*")
    return Reply(result, lambda: print_findings(summarize(result), last))


def summarize(result: ErrorTypes) -> tuple[SummaryTable, ...]:
    """Return a row per type: how many questions are of it, and how well it can be read."""
    table = SummaryTable(
        f"{result.model} on {result.questions}: {result.sampled} questions, {result.k} samples each, protocol "
        f"{result.protocol}{_sites(result)}",
        ("type", "questions", "greedy right", "best cell", "AUC valid.", "AUC test [95 %]", "log-prob [95 %]"),
        tuple(_row(score, result.sampled) for score in result.types),
    )
    return (table,)


def _sites(result: ErrorTypes) -> str:
    sites = sorted({str(score.site) for score in result.types if score.site is not None})
    return f"; read at site {', '.join(sites)}" if sites else ""


def _row(score: TypeScore, sampled: int) -> tuple[str, ...]:
    return (
        _name(score),
        f"{score.n} ({score.n / sampled:.0%})",
        "-" if score.greedy_right is None else f"{score.greedy_right:.0%}",
        "-" if score.layer is None else f"{score.layer}, {score.position}",
        "-" if score.validation is None else f"{score.validation.value:.2f}",
        "-" if score.test is None else score.test.short,
        "-" if score.log_prob is None else score.log_prob.short,
    )


def _name(score: TypeScore) -> str:
    return str(score.type).replace("_", " ")


ANALYSIS = Analysis(
    "errors",
    errors,
    SavedResult(
        "Kinds of error",
        "truthmap.analyses.errors.measure:ErrorTypes",
        summarize,
        (FigureKind("error-types", "questions by kind of error", "truthmap.analyses.errors.figure:draw_error_types"),),
    ),
)
