"""`truthmap compare`: the probe against what needs no training, on the same test answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import open_run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.study import settings_named
from truthmap.terminal.options import RunArgument, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import REOPENING, study_options

if TYPE_CHECKING:
    from truthmap.analyses.compare.measure import Comparison, Method


@replies("truthmap.analyses.compare.measure:Comparison")
@study_options(settings_named(*REOPENING))
def compare(
    run: RunArgument,
    ask: Annotated[
        bool, typer.Option("--ask/--no-ask", help="Also ask the model: token entropy, p(True), verbalized confidence")
    ] = True,
    nli: Annotated[
        str | None,
        typer.Option(help="Samples say the same if this NLI model (folder or hub id) says so", show_default=False),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Samples say the same if this language model or endpoint (http://…#name) says so", show_default=False
        ),
    ] = None,
    *,
    given: dict[str, Any],
) -> Reply:
    """Compare the probe with log-probabilities, token entropy, p(True), verbalized confidence and samples.

    Samples are those that `truthmap sample` drew.
    """
    opened = open_run(run)
    from truthmap.analyses.compare.run import compare_run
    from truthmap.analyses.equivalence import chosen_equivalence

    reopening = ReopenSettings.of(given)
    equivalence = chosen_equivalence(nli, judge, reopening)
    result = compare_run(opened, ask_model=ask, equivalence=equivalence, reopening=reopening, progress=Bars())
    last = [*result.notes, f"Table, scores and figure: {path_in_run(run, ANALYSES)}/compare.*"]
    return Reply(result, lambda: print_findings(summarize(result), last))


def summarize(result: Comparison) -> tuple[SummaryTable, ...]:
    """Return a row per method: how well it tells right answers from wrong ones, and against the probe."""
    left_out = f"; {result.left_out} left out" if result.left_out else ""
    samples = f"; {result.samples} samples of each question" if result.samples else ""
    table = SummaryTable(
        f"{result.model} on {result.questions}: {result.right + result.wrong} test answers, {result.right} right, "
        f"{result.wrong} wrong{left_out}{samples}",
        ("method", "AUC [95 %]", "minus the probe", "p", "errors AP", "risk area", "passes"),
        tuple(_row(method, is_reference=method.name == result.reference) for method in result.methods),
    )
    return (table,)


def _row(method: Method, *, is_reference: bool) -> tuple[str, ...]:
    return (
        method.name,
        method.auc.short,
        "" if is_reference else method.difference.short_signed,
        "" if is_reference else "–" if method.p_value is None else f"{method.p_value:.1g}",
        f"{method.error_precision.value:.2f}",
        f"{method.risk_area.value:.2f}",
        f"{method.passes:.0f}",
    )


ANALYSIS = Analysis(
    "compare",
    compare,
    SavedResult(
        "Against what needs no training",
        "truthmap.analyses.compare.measure:Comparison",
        summarize,
        (
            FigureKind(
                "comparison",
                "AUC of the probe and of what needs no training",
                "truthmap.analyses.compare.figure:draw_comparison",
            ),
            FigureKind("risk", "risk-coverage curves", "truthmap.analyses.compare.figure:draw_risk"),
        ),
    ),
)
