"""`truthmap errors`: the kinds of error of a sampled run, and whether they can be read before sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, path_in_run
from truthmap.terminal.output import print_lines, print_table
from truthmap.terminal.progress import Bars

if TYPE_CHECKING:
    from truthmap.analyses.errors.measure import ErrorTypes, TypeScore


def errors(
    run: RunArgument,
    protocol: Annotated[
        str, typer.Option(help="truthmap: each question has one type; paper: the paper's overlapping types")
    ] = "truthmap",
) -> None:
    """Sort the questions by kind of error, from their samples, and draw a map of each kind.

    Samples are those that `truthmap sample` drew.
    """
    opened = open_run(run)
    from truthmap.analyses.errors.run import type_errors

    result = type_errors(opened, protocol=protocol, progress=Bars())
    _print(result)
    print_lines([f"Tables, maps and figure: {path_in_run(run, 'analyses')}/errors*"])


def _print(result: ErrorTypes) -> None:
    from truthmap.analyses.errors.measure import TYPE_RULES

    print_table(
        f"{result.model} on {result.questions}: {result.sampled} questions, {result.k} samples each, protocol "
        f"{result.protocol}{_sites(result)}",
        ("type", "questions", "greedy right", "best cell", "AUC valid.", "AUC test [95 %]", "log-prob [95 %]"),
        (_row(score, result.sampled) for score in result.types),
    )
    if result.without_type:
        untyped = TYPE_RULES[result.protocol].untyped
        print_lines([f"{result.without_type} questions ({result.without_type / result.sampled:.0%}) {untyped}"])
    print_lines(f"{_name(score)}: no map: {score.why_not}" for score in result.types if score.why_not)


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
