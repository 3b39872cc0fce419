"""`truthmap select`: choose among the samples of each question by the detector, and by other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import open_run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.study import settings_named
from truthmap.terminal.options import RunArgument, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import CLUSTER, REOPENING, study_options

if TYPE_CHECKING:
    from truthmap.analyses.select.measure import Selection


@replies("truthmap.analyses.select.measure:Selection")
@study_options(settings_named(*REOPENING, *CLUSTER))
def select(
    run: RunArgument,
    *,
    given: dict[str, Any],
) -> Reply:
    """Choose one of the samples of each test question by the detector; compare with greedy, vote and likelihood.

    Samples are those that `truthmap sample` drew.
    """
    opened = open_run(run)
    from truthmap.analyses.select.run import select_answers

    result = select_answers(opened, reopening=ReopenSettings.of(given), progress=Bars())
    lost = f"{result.ungraded:.1%} of the samples could not be graded and are no candidates"
    unread = f"{result.unread:.1%} of the others lack the position that the detector reads"
    untyped = f"{result.n - sum(size.n for size in result.types)} of the questions have no type"
    last = [f"{lost}; {unread}; {untyped}.", f"Tables and figure: {path_in_run(run, ANALYSES)}/select*"]
    return Reply(result, lambda: print_findings(summarize(result), last))


def summarize(result: Selection) -> tuple[SummaryTable, ...]:
    """Return a row per way to choose: how often it is right, overall and by samples and type of error."""
    accuracy = SummaryTable(
        f"{result.model} on {result.questions}: {result.n} test questions, {result.k} samples each; the detector reads "
        f"layer {result.layer}, {result.position} ({result.site})",
        ("choice", "accuracy [95 %]", "minus greedy", "minus majority", "ranks right over wrong"),
        tuple(
            (
                str(score.strategy),
                score.accuracy.short,
                score.minus_greedy.short_signed,
                score.minus_majority.short_signed,
                "" if score.within is None else score.within.short,
            )
            for score in result.strategies
        ),
    )
    parts = SummaryTable(
        "Accuracy by number of samples, and by type of error (questions)",
        (
            "choice",
            *(f"k = {k}" for k in result.ks),
            *(f"{str(size.type).replace('_', ' ')} ({size.n})" for size in result.types),
        ),
        tuple(
            (
                str(score.strategy),
                *(f"{accuracy:.2f}" for accuracy in score.by_k),
                *(f"{estimate.value:.2f}" for estimate in score.by_type),
            )
            for score in result.strategies
        ),
    )
    return accuracy, parts


ANALYSIS = Analysis(
    "select",
    select,
    SavedResult(
        "Choosing among samples",
        "truthmap.analyses.select.measure:Selection",
        summarize,
        (
            FigureKind(
                "accuracy-by-k",
                "accuracy against the number of samples",
                "truthmap.analyses.select.figure:draw_accuracy_by_k",
            ),
            FigureKind(
                "accuracy-by-type",
                "accuracy by kind of error",
                "truthmap.analyses.select.figure:draw_accuracy_by_type",
            ),
        ),
    ),
)
