"""The laws of `truthmap doctor`, tried on the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from benchmarks.gpu.random_llama import random_llama, random_questions
from benchmarks.gpu.section import Section, table
from benchmarks.gpu.size import LlamaShape, Prompts
from truthmap.answers.prompt import GenerateSettings
from truthmap.execution.doctor import examine
from truthmap.execution.state_laws import Check, CheckStatus
from truthmap.lm.cache import TOLERANCES
from truthmap.lm.model import LanguageModel
from truthmap.questions.question_set import QuestionSet

_ASKED = Prompts(count=8, shared=6, shortest=10, longest=40, new_tokens=12)
_SECONDS = 1.0  # for the doctor's forecast, which is not wanted here


def try_laws(device: torch.device, shape: LlamaShape) -> Section:
    """Try the laws on a small random model in both dtypes."""
    questions = random_questions(shape, _ASKED)
    checks: dict[torch.dtype, Sequence[Check]] = {}
    for dtype in (torch.float32, torch.bfloat16):
        checks[dtype] = laws_of(random_llama(shape, device, dtype, ends=True), questions)
    intro = (
        f"A random Llama of {shape.layers} layers and width {shape.width}, its weights drawn wide, so that a padding "
        "token that is seen or a wrong position moves a state by far more than rounding; five prompts, twelve new "
        "tokens (`truthmap doctor` tries the same on your own model)."
    )
    faults = [fault for dtype, each in checks.items() for fault in broken(str(dtype), each)]
    return Section("The laws", [intro, "", *laws_table(checks)], faults)


def laws_of(lm: LanguageModel, questions: QuestionSet) -> tuple[Check, ...]:
    """Return what the doctor says of states: the checks in which some were compared, or could not be."""
    checkup = examine(lm, questions, GenerateSettings(max_new_tokens=_ASKED.new_tokens), _SECONDS)
    return tuple(c for c in checkup.checks if c.difference is not None or c.verdict is CheckStatus.BROKEN)


def laws_table(checks: Mapping[torch.dtype, Sequence[Check]]) -> list[str]:
    """Write the greatest relative differences, a column for each dtype, with what rounding explains."""
    names = list(dict.fromkeys(check.name for each in checks.values() for check in each))
    columns = ["greatest relative difference of a state", *(_column(dtype) for dtype in checks)]
    return table(columns, [[name, *_found(name, checks)] for name in names])


def broken(of: str, checks: Sequence[Check]) -> list[str]:
    """Return a line for each law that does not hold."""
    return [f"{check.name}, {of}: {check.found}" for check in checks if check.verdict is CheckStatus.BROKEN]


def _column(dtype: torch.dtype) -> str:
    return f"{str(dtype).removeprefix('torch.')} (allowed {TOLERANCES[dtype]:g})"


def _found(name: str, checks: Mapping[torch.dtype, Sequence[Check]]) -> Iterator[str]:
    for each in checks.values():
        check = next((check for check in each if check.name == name), None)
        yield "–" if check is None or check.difference is None else f"{check.difference:.2g}"
