"""`truthmap thought`: when a model that thinks knows whether its final answer will be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, FigureKind, SavedResult, SummaryTable
from truthmap.records import Site
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import open_run
from truthmap.terminal.options import RunArgument, path_in_run
from truthmap.terminal.output import print_findings
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies

if TYPE_CHECKING:
    from truthmap.analyses.thought.measure import ThoughtMap, ThoughtPlace

_HEADS = (
    "place", "answers", "layer", "AUC test [95 %]", "p", "text so far", "probe less text", "named", "right",
    "before naming",
)  # fmt: skip
_FIGURE = "truthmap.analyses.thought.figure"


@replies("truthmap.analyses.thought.measure:ThoughtMap")
def thought(
    run: RunArgument,
    site: Annotated[Site | None, typer.Option(help="Read this site", show_default="the best cell's")] = None,
) -> Reply:
    """Read the correctness of final answers along their thoughts: when the model knows.

    The run's map must have places of the thought: `truthmap run --positions along_thought`, or `steps`.
    """
    from truthmap.analyses.thought.run import thought_map

    result = thought_map(open_run(run), site=site, progress=Bars())
    last = f"Table and figure: {path_in_run(run, ANALYSES)}/thought*"
    return Reply(result, lambda: print_findings(summarize(result), [last]))


def summarize(result: ThoughtMap) -> tuple[SummaryTable, ...]:
    """Return what is read at each place of the thought, and what that is held against."""
    from truthmap.analyses.thought.measure import step_of_thought

    facts = [
        ("scored answers that think", f"{result.scored} (median {result.median_tokens:.0f} tokens)"),
        ("scored answers without a thought", str(result.without)),
        ("cut off while they think", f"{result.cut}: unscored"),
        *_fact("before it thinks (the prompt's end)", result.before),
        *_fact("after it (the final part's best cell)", result.after),
        *_fact("a short thought as a sign of a right answer", result.length),
    ]
    if result.skipped:
        facts.append(("places without a probe", ", ".join(map(str, result.skipped))))
    title = f"{result.model} on {result.questions}: the final answer's correctness, read along its thought"
    tables = [SummaryTable(title, ("", ""), tuple(facts))]
    by_share = tuple((f"{place.share:.0%}", *_row(place)) for place in result.by_share)
    by_token = tuple((_tokens(place.tokens), *_row(place)) for place in result.by_token)
    by_step = tuple((f"step {(step_of_thought(place.position) or 0) + 1}", *_row(place)) for place in result.by_step)
    named = (
        ("By share of the thought", by_share),
        ("By token of the thought", by_token),
        ("At the ends of its steps", by_step),
    )
    return (*tables, *(SummaryTable(name, _HEADS, rows) for name, rows in named if rows))


def _fact(name: str, found: object) -> list[tuple[str, str]]:
    return [] if found is None else [(name, f"AUC {found}")]


def _tokens(n: float) -> str:
    return "1 token" if round(n) == 1 else f"{n:.0f} tokens"


def _row(place: ThoughtPlace) -> tuple[str, ...]:
    said = place.said
    return (
        str(place.n),
        str(place.layer),
        place.test.short,
        "-" if place.p_value is None else f"{place.p_value:.2g}",
        "-" if place.text is None else place.text.test.short,
        "-" if place.text is None else place.text.gain.short_signed,
        "-" if said is None else f"{said.named:.0%}",
        "-" if said is None or said.right is None else f"{said.right:.0%}",
        "-" if said is None or said.unnamed is None else f"{said.unnamed.short} ({said.unnamed.n})",
    )


ANALYSIS = Analysis(
    "thought",
    thought,
    SavedResult(
        "When does it know?",
        "truthmap.analyses.thought.measure:ThoughtMap",
        summarize,
        (
            FigureKind("thought", "AUC against the share of the thought", f"{_FIGURE}:draw_by_share"),
            FigureKind("thought-tokens", "AUC against the tokens of the thought", f"{_FIGURE}:draw_by_token"),
            FigureKind("thought-steps", "AUC at the ends of the thought's steps", f"{_FIGURE}:draw_by_step"),
        ),
    ),
)
