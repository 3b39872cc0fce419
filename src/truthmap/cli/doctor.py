"""`truthmap doctor`: whether a model's states can be trusted, and what a study with it takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truthmap.study.study import Study
from truthmap.terminal.progress import Bars

if TYPE_CHECKING:
    from truthmap.execution.doctor import Checkup

_UNUSED = Path("runs/doctor")


def _setting(name: str) -> Any:
    return typer.Option(help=str(Study.model_fields[name].description))


def _default(name: str) -> Any:
    return Study.model_fields[name].default


def doctor(
    model: Annotated[str, _setting("model")] = "smollm2",
    questions: Annotated[str, _setting("questions")] = _default("questions"),
    limit: Annotated[int | None, typer.Option(help="Questions of the study whose size and time are forecast")] = None,
    max_new_tokens: Annotated[int | None, _setting("max_new_tokens")] = None,
    revision: Annotated[str | None, _setting("revision")] = None,
    device: Annotated[str, _setting("device")] = _default("device"),
    device_map: Annotated[str | None, _setting("device_map")] = None,
    dtype: Annotated[str, _setting("dtype")] = _default("dtype"),
    quantization: Annotated[str | None, _setting("quantization")] = None,
    prompt_format: Annotated[str, _setting("prompt_format")] = _default("prompt_format"),
    blocks: Annotated[str | None, _setting("blocks")] = None,
    trust_remote_code: Annotated[bool, _setting("trust_remote_code")] = False,
    batch_tokens: Annotated[int, _setting("batch_tokens")] = _default("batch_tokens"),
) -> None:
    """Try the laws on a model before a study is built on its states: batched = single, generated = forward, and so on.

    Exit code 0: all hold; 1: one is broken; 2: the model cannot be loaded.
    """
    settings = {name: value for name, value in locals().items() if name in Study.model_fields}
    checkup = _checkup(Study.of({**settings, "out": _UNUSED}))
    _print(checkup)
    if checkup.broken:
        raise typer.Exit(1)


def _checkup(study: Study) -> Checkup:
    from truthmap.execution.doctor import examine
    from truthmap.lm.load import load_model
    from truthmap.questions.loading import load_questions
    from truthmap.study.settings import generate_settings, load_settings, question_settings

    questions = load_questions(study.questions, question_settings(study))
    progress = Bars()
    with progress.stage("Loading the model", None):
        lm = load_model(study.model, load_settings(study))
    with progress.stage("Examining it", None):
        return examine(lm, questions, generate_settings(study, questions.task))


def _print(checkup: Checkup) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from truthmap.execution.doctor import CheckStatus

    colours = {CheckStatus.HOLDS: "green", CheckStatus.BROKEN: "bold red", CheckStatus.NOTED: "yellow"}
    table = Table(title=f"{checkup.model}, examined in {checkup.seconds:.0f} s", title_justify="left")
    for name in ("check", "", "found"):
        table.add_column(name)
    for check in checkup.checks:
        table.add_row(Text(check.name), Text(check.verdict, style=colours[check.verdict]), Text(check.found))
    console = Console()
    console.print(table)
    console.print(Text(f"A study: {checkup.forecast}."))
    broken = len(checkup.broken)
    if broken:
        laws = "law is broken: states of this model" if broken == 1 else "laws are broken: states of this model"
        console.print(Text(f"{broken} {laws} cannot be trusted as they are read now.", style="bold red"))
    else:
        console.print(Text("Every law holds."))
