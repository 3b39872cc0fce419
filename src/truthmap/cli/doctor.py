"""`truthmap doctor`: whether a model's states can be trusted, and what a study with it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from truthmap.settings_base import Leaf
from truthmap.study.study import Study, settings_of_a_study
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.output import terminal
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import study_options

if TYPE_CHECKING:
    from truthmap.execution.doctor import Checkup

_ASKED = {
    *("max_new_tokens", "blocks", "sites", "device", "device_map", "batch_tokens"),
    *("engine", "tensor_parallel", "gpu_memory", "step_tokens"),
}
"""Settings of a study that the doctor takes, besides those of its model and its questions."""


def _is_asked(leaf: Leaf) -> bool:
    return leaf.path[0] in ("model", "questions") or leaf.name in _ASKED


@replies("truthmap.execution.doctor:Checkup")
@study_options([leaf for leaf in settings_of_a_study() if _is_asked(leaf)])
def doctor(*, given: dict[str, Any]) -> Reply:
    """Check a model before a study is built on its states: batched = single, generated = forward, and so on.

    With `--engine vllm` also whether vLLM's states are the model's own.

    Exit code 0: all hold; 1: one is broken; 2: the model cannot be loaded.
    """
    checkup = _checkup(Study(**given))
    return Reply(checkup, lambda: _print(checkup), ExitCode.FOUND if checkup.broken else ExitCode.DONE)


def _checkup(study: Study) -> Checkup:
    from contextlib import closing
    from dataclasses import replace

    from truthmap.execution.doctor import chosen_prompts, examine, examine_engine
    from truthmap.execution.engine_laws import room_of_laws
    from truthmap.execution.models import ModelHolder
    from truthmap.study.stage_settings import generate_settings, load_question_set

    progress, engine = Bars(), study.answers.engine
    answers = study.answers.model_copy(update={"engine": engine.for_trial()})
    study = study.model_copy(update={"answers": answers})
    engine.note()  # an engine that is not installed is told first
    questions = load_question_set(study, progress.say)
    holder = ModelHolder(study, progress, lambda: room_of_laws(prompts, holder.tokens().max_length))
    with closing(holder):
        lm = holder.model()
        prompts = chosen_prompts(lm, questions)
        with progress.stage("Examining it", None):
            checkup = examine(lm, questions, generate_settings(study, questions.task, thinks=lm.thinks))
        if engine.captures is None or engine.answers_here:
            return checkup
        del lm  # its weights go to the engine
        checks = tuple(examine_engine(holder, prompts, study.states.sites))
        return replace(checkup, checks=(*checkup.checks, *checks))


def _print(checkup: Checkup) -> None:
    from rich.table import Table
    from rich.text import Text

    from truthmap.execution.state_laws import CheckStatus

    colours = {CheckStatus.HOLDS: "green", CheckStatus.BROKEN: "bold red", CheckStatus.NOTED: "yellow"}
    table = Table(title=f"{checkup.model}, examined in {checkup.seconds:.0f} s", title_justify="left")
    for name in ("check", "", "found"):
        table.add_column(name)
    for check in checkup.checks:
        table.add_row(Text(check.name), Text(check.verdict, style=colours[check.verdict]), Text(check.found))
    console = terminal()
    console.print(table)
    console.print(Text(f"A study: {checkup.forecast}."))
    broken = len(checkup.broken)
    if broken:
        checks = "check failed: states of this model" if broken == 1 else "checks failed: states of this model"
        console.print(Text(f"{broken} {checks} cannot be trusted as they are read now.", style="bold red"))
    else:
        console.print(Text("Every check passed."))
