"""`truthmap run`: the map of a model on a set of questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from truthmap.cli.output_summary import print_summary
from truthmap.study.study import Study
from truthmap.terminal.columns import column_option, columns_of
from truthmap.terminal.progress import Bars

_STUDY = Study.model_fields


def _help(name: str) -> str:
    return str(_STUDY[name].description)


def _default(name: str) -> Any:
    return _STUDY[name].default


def run(
    model: Annotated[str, typer.Option(help=_help("model"))] = "smollm2",
    questions: Annotated[str, typer.Option(help=_help("questions"))] = _default("questions"),
    questions_file: Annotated[Path | None, typer.Option(help=_help("questions_file"), show_default=False)] = None,
    questions_split: Annotated[str, typer.Option(help=_help("questions_split"))] = _default("questions_split"),
    id_column: Annotated[str | None, column_option("id")] = None,
    question_column: Annotated[str | None, column_option("question")] = None,
    accepted_column: Annotated[str | None, column_option("accepted")] = None,
    aliases_column: Annotated[str | None, column_option("aliases")] = None,
    candidates_column: Annotated[str | None, column_option("candidates")] = None,
    context_column: Annotated[str | None, column_option("context")] = None,
    group_column: Annotated[str | None, column_option("group")] = None,
    response_column: Annotated[str | None, column_option("response")] = None,
    outcome_column: Annotated[str | None, column_option("outcome")] = None,
    exact_answer_column: Annotated[str | None, column_option("exact_answer")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help=_help("skip_bad"))] = False,
    grading: Annotated[str | None, typer.Option(help=_help("grading"), show_default=False)] = None,
    locating: Annotated[str | None, typer.Option(help=_help("locating"), show_default=False)] = None,
    judge: Annotated[str | None, typer.Option(help=_help("judge"), show_default=False)] = None,
    locator: Annotated[str | None, typer.Option(help=_help("locator"), show_default=False)] = None,
    out: Annotated[str | None, typer.Option(help=_help("out"), show_default="runs/MODEL-QUESTIONS")] = None,
    limit: Annotated[int | None, typer.Option(help=_help("limit"), show_default="all")] = None,
    seed: Annotated[int, typer.Option(help=_help("seed"))] = _default("seed"),
    max_new_tokens: Annotated[int | None, typer.Option(help=_help("max_new_tokens"), show_default=False)] = None,
    site: Annotated[list[str], typer.Option(help=_help("sites") + "; may be given several times")] = ["residual"],  # noqa: B006
    engine: Annotated[str, typer.Option(help=_help("engine"))] = _default("engine"),
    endpoint: Annotated[str | None, typer.Option(help=_help("endpoint"), show_default=False)] = None,
    endpoint_model: Annotated[str | None, typer.Option(help=_help("endpoint_model"), show_default=False)] = None,
    endpoint_requests: Annotated[int, typer.Option(help=_help("endpoint_requests"))] = _default("endpoint_requests"),
    tensor_parallel: Annotated[int, typer.Option(help=_help("tensor_parallel"))] = _default("tensor_parallel"),
    gpu_memory: Annotated[float | None, typer.Option(help=_help("gpu_memory"), show_default=False)] = None,
    revision: Annotated[str | None, typer.Option(help=_help("revision"), show_default=False)] = None,
    device: Annotated[str, typer.Option(help=_help("device"))] = _default("device"),
    device_map: Annotated[str | None, typer.Option(help=_help("device_map"), show_default=False)] = None,
    dtype: Annotated[str, typer.Option(help=_help("dtype"))] = _default("dtype"),
    quantization: Annotated[str | None, typer.Option(help=_help("quantization"), show_default=False)] = None,
    prompt_format: Annotated[str, typer.Option(help=_help("prompt_format"))] = _default("prompt_format"),
    blocks: Annotated[str | None, typer.Option(help=_help("blocks"), show_default=False)] = None,
    trust_remote_code: Annotated[bool, typer.Option(help=_help("trust_remote_code"))] = False,
    protocol: Annotated[str, typer.Option(help=_help("protocol"))] = _default("protocol"),
    permutations: Annotated[int, typer.Option(help=_help("permutations"))] = _default("permutations"),
    batch_tokens: Annotated[int, typer.Option(help=_help("batch_tokens"))] = _default("batch_tokens"),
    states_at: Annotated[str | None, typer.Option(help=_help("states_at"), show_default=False)] = None,
    cluster: Annotated[str | None, typer.Option(help=_help("cluster"), show_default="this machine alone")] = None,
    workers: Annotated[int | None, typer.Option(help=_help("workers"), show_default=False)] = None,
    gpus_per_worker: Annotated[float, typer.Option(help=_help("gpus_per_worker"))] = _default("gpus_per_worker"),
    cpus_per_worker: Annotated[int, typer.Option(help=_help("cpus_per_worker"))] = _default("cpus_per_worker"),
    update: Annotated[bool, typer.Option(help="Redo what depends on settings changed since the run was made")] = False,
) -> None:
    """Draw the map: ask the questions, grade the answers, capture the states, fit a probe in every cell.

    Killed at any time, the same command goes on where it stopped.
    """
    given = dict(locals())
    settings = {name: value for name, value in given.items() if name in _STUDY}
    settings["columns"] = columns_of(given)
    settings["sites"] = tuple(site)
    settings["out"] = out or Path("runs") / f"{_short(model)}-{_short(questions)}"
    made = Study.of(settings).run(update=update, progress=Bars())
    print_summary(made)


def _short(name: str) -> str:
    """Return the last part of a path or hub id, fit for a folder's name."""
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(name).stem)
    return kept.strip(".-") or "run"
