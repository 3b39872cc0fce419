"""`truthmap select`: choose among the samples of each question by the detector, and by other ways."""

from __future__ import annotations

from truthmap.analyses import Selection, Strategy
from truthmap.cli.tables import print_lines, print_table
from truthmap.cli.where import BatchTokens, Device, RunArgument
from truthmap.pipeline import Bars, open_run
from truthmap.pipeline.reopening import Where
from truthmap.pipeline.selecting import select_answers


def select(run: RunArgument, device: Device = "auto", batch_tokens: BatchTokens = 8192) -> None:
    """Choose one of the samples of each test question by the detector; compare with greedy, vote and likelihood.

    Samples are those that `truthmap sample` drew.
    """
    result = select_answers(open_run(run), where=Where(device, batch_tokens), progress=Bars())
    _print(result)
    lost = f"{result.ungraded:.1%} of the samples could not be graded and are no candidates"
    unread = f"{result.unread:.1%} of the others lack the position that the detector reads"
    print_lines([f"{lost}; {unread}.", f"Tables and figure: {run / 'analyses'}/select*"])


def _print(result: Selection) -> None:
    print_table(
        f"{result.model} on {result.questions}: {result.n} test questions, {result.k} samples each; the detector reads "
        f"layer {result.layer}, {result.position} ({result.site})",
        (
            "choice",
            "accuracy [95 %]",
            "minus greedy [95 %]",
            "minus majority [95 %]",
            *(f"{str(size.type).replace('_', ' ')} ({size.n})" for size in result.types),
        ),
        (
            (
                str(score.strategy),
                str(score.accuracy),
                "" if score.strategy is Strategy.GREEDY else score.minus_greedy.signed,
                "" if score.strategy is Strategy.MAJORITY else score.minus_majority.signed,
                *(f"{estimate.value:.3f}" for estimate in score.by_type),
            )
            for score in result.strategies
        ),
    )
