"""`truthmap plan`: what a large study will take, before its model is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truthmap.errors import UsageError
from truthmap.settings_base import Leaf
from truthmap.study.study import Study, settings_of_a_study
from truthmap.terminal.completion import of_names
from truthmap.terminal.output import print_lines, print_table, printable
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import study_options

if TYPE_CHECKING:
    from truthmap.execution.plan import Layout, Plan
    from truthmap.execution.rates import Rates

_ASKED = {
    "max_new_tokens",
    "permutations",
    "limit",
    "questions",
    "sites",
    "positions",
    "store_dtype",
    "shard",
    "blocks",
}
"""Settings of a study that a plan depends on, besides those of its model."""
_PROMPT_TOKENS = 64
_RATES = ("h100", "here")


def _is_asked(leaf: Leaf) -> bool:
    return leaf.path[0] == "model" or leaf.name in _ASKED


@replies("truthmap.execution.plan:Plan")
@study_options([leaf for leaf in settings_of_a_study() if _is_asked(leaf)])
def plan(
    samples: Annotated[int, typer.Option(min=0, help="Answers that `truthmap sample` draws to each question")] = 0,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs in all; 0: this machine's CPU")] = 8,
    gpus_per_node: Annotated[int, typer.Option(min=1, help="GPUs in one machine")] = 8,
    rates: Annotated[
        str | None,
        typer.Option(
            help="Whose speed: h100 (recorded), or here (measured on this machine's device, in seconds)",
            show_default="h100; without GPUs here",
            autocompletion=of_names(_RATES),
        ),
    ] = None,
    prompt_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Tokens of a prompt", show_default=f"the question set's; of a number, {_PROMPT_TOKENS}"
        ),
    ] = None,
    answer_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a usual answer", show_default="as many as there may be")
    ] = None,
    *,
    given: dict[str, Any],
) -> Reply:
    """Say what a study will take, from the model's configuration alone: time, memory, disk, and the commands.

    --questions is a question set, or how many there are. No weights are fetched or read.
    """
    from truthmap.execution.costs import Asked, costs_of
    from truthmap.execution.plan import Machines, make_plan

    named = given.get("questions", "")
    count = int(named) if named.isascii() and named.isdigit() and int(named) else None
    if count is not None:
        del given["questions"]
    asked = Asked(count, samples, prompt_tokens, answer_tokens)
    costs = costs_of(Study(**given), asked, _rates_of(rates, gpus))
    made = make_plan(costs, Machines(devices=gpus, per_node=gpus_per_node), _options(given, count))
    return Reply(made, lambda: _print(made))


def _rates_of(name: str | None, gpus: int) -> Rates:
    """Return the recorded rates of a device, or measure this machine's.

    Raises:
        UsageError: there is no such record.
        ModelError: there is no GPU here to measure.
    """
    from truthmap.execution.rates import RECORDED, rates_here
    from truthmap.lm.load import pick_device

    chosen = name or ("h100" if gpus else "here")
    if chosen == "here":
        return rates_here(pick_device("cuda" if gpus else "cpu"))
    if chosen not in RECORDED or not gpus:
        known = ", ".join((*RECORDED, "here") if gpus else ("here",))
        raise UsageError(f"there are no rates {chosen!r} for {gpus} GPUs; --rates takes {known}")
    return RECORDED[chosen]


def _options(given: Mapping[str, Any], count: int | None) -> list[str]:
    """Return the options of `truthmap run` that ask for the same study."""
    asked = ["--questions", "QUESTIONS"] if count is not None else []
    for leaf in (leaf for leaf in settings_of_a_study() if leaf.name in given):
        value = given[leaf.name]
        values = value if isinstance(value, (list, tuple)) else [value]
        asked += [leaf.option] if value is True else [part for each in values for part in (leaf.option, str(each))]
    return asked


def _print(made: Plan) -> None:
    from truthmap.execution.estimate import in_bytes

    work = made.work
    facts = [
        ("model", f"{made.parameters:,} parameters, {in_bytes(made.weights)} of weights as loaded"),
        ("each token goes through", f"{made.active:,} of them"),
        ("questions", f"{work.questions:,}, and {work.samples} samples of each"),
        ("prompt", f"{work.prompt_tokens:,} tokens"),
        ("answer", f"{work.answer_tokens:,} tokens, at most {work.new_tokens:,}"),
        ("map", f"{made.layers} layers × {made.positions} positions, {made.width:,} numbers each"),
        ("disk", in_bytes(made.disk.total)),
        ("  states", f"{in_bytes(made.disk.states)}, if every answer can be scored"),
        ("  tables and page", in_bytes(made.disk.tables)),
        *([("  samples", in_bytes(made.disk.samples))] if work.samples else []),
        ("rates", made.device),
        ("  measured", made.measured),
    ]
    print_table(printable(made.model), ("", ""), facts)
    for layout in made.layouts:
        _print_layout(layout)


def _print_layout(layout: Layout) -> None:
    from truthmap.execution.estimate import in_bytes, in_time

    if not layout.fits:
        print_lines([f"{layout.name}: {layout.note}", ""])
        return
    rows = [(time.stage, in_time(time.seconds)) for time in layout.times]
    rows += [("all of it", in_time(layout.seconds)), ("memory on each", in_bytes(layout.memory))]
    rows.append(("answers at once", f"{layout.rows:,}"))
    print_table(layout.name, ("", ""), rows)
    print_lines([*([f"({layout.note})"] if layout.note else []), *(f"  {each}" for each in layout.commands), ""])
