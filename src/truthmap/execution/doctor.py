"""The laws that a model must obey before its states mean anything, tried on the user's own model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from truthmap.answers.engines.local import LocalEngine
from truthmap.answers.engines.vllm import vllm_version
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.errors import ModelError
from truthmap.execution.engine_laws import engine_checks, engine_fault, engine_states, room_of_laws
from truthmap.execution.estimate import Forecast, forecast
from truthmap.execution.models import ModelHolder
from truthmap.execution.state_laws import TOKENS, Check, CheckStatus, state_checks
from truthmap.lm.cache import CacheUse
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import shared_ids
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Site
from truthmap.shown import ShortRepr
from truthmap.study.sections import StatesSection

_ROWS = 5
"""Prompts that the laws are tried on."""

_USES = {
    CacheUse.SHARED: "from the cache, what prompts share is computed once",
    CacheUse.OWN: "from the cache of each row, no prefix is shared",
    CacheUse.NONE: "without a cache, which this model lacks or which gives other states: slow",
}


@dataclass(frozen=True, repr=False)
class Checkup(ShortRepr):
    """What the doctor found.

    Attributes:
        model: The model's name.
        checks: The rows, in the order they were made.
        forecast: What a study of so many questions takes.
        seconds: How long the checkup took.
    """

    model: str
    checks: tuple[Check, ...]
    forecast: Forecast
    seconds: float

    @property
    def broken(self) -> tuple[Check, ...]:
        """The laws that do not hold."""
        return tuple(check for check in self.checks if check.is_broken)


def examine(lm: LanguageModel, questions: QuestionSet, settings: GenerateSettings, budget: float = 15.0) -> Checkup:
    """Try the laws on a model and forecast a study.

    Args:
        lm: The model.
        questions: What the study would ask; the laws are tried on prompts of different lengths among them.
        settings: How the study would answer.
        budget: Seconds to spend on the forecast of time.
    """
    started = time.perf_counter()
    task = questions.task
    prompts = [Prompt(q.id, lm.question_ids(q, task)) for q in questions.questions]
    chosen = chosen_prompts(lm, questions)
    checks = (_engine_check(), *_prompt_checks(lm, prompts), *_structure_checks(lm), *state_checks(lm, chosen))
    takes = forecast(LocalEngine(lm), prompts, settings, StatesSection(), budget)
    return Checkup(lm.name, checks, takes, time.perf_counter() - started)


def examine_engine(holder: ModelHolder, prompts: Sequence[Prompt], sites: tuple[Site, ...]) -> Iterator[Check]:
    """Try whether an engine that gives states gives those of the loaded model: weights are in one place at a time.

    Args:
        holder: Has the model, and the study's engine.
        prompts: What the engine is asked, of different lengths.
        sites: Which states.
    """
    name, room = holder.engine_name, room_of_laws(prompts, holder.tokens().max_length)
    engine = holder.engine()
    if engine.reader is None:
        yield engine_fault(name, getattr(engine, "fault", None) or "it cannot")
        return
    try:
        found = engine_states(engine, prompts, sites, room)
    except ModelError as error:
        yield engine_fault(name, str(error))
        return
    yield from (replace(check, name=f"{name}: {check.name}") for check in engine_checks(holder.model(), found))


def chosen_prompts(lm: LanguageModel, questions: QuestionSet) -> list[Prompt]:
    """Return the prompts that the laws are tried on, of different lengths.

    Raises:
        ModelError: none fits into what the model can read.
    """
    prompts = [Prompt(q.id, lm.question_ids(q, questions.task)) for q in questions.questions]
    room = None if lm.max_length is None else lm.max_length - TOKENS
    chosen = _of_many_lengths([p for p in prompts if room is None or len(p.prompt_ids) <= room])
    if not chosen:
        raise ModelError(f"no prompt fits into the {lm.max_length} tokens that {lm.name} can read; try other questions")
    return chosen


def _of_many_lengths(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Choose a few prompts, the shortest and the longest among them."""
    by_length = sorted(prompts, key=lambda p: len(p.prompt_ids))
    places = {n * (len(by_length) - 1) // (_ROWS - 1) for n in range(_ROWS)} if by_length else set()
    return [by_length[place] for place in sorted(places)]


def _engine_check() -> Check:
    found = vllm_version()
    there = f"vllm {found}" if found else "vllm is not installed (pip install 'truthmap[vllm]')"
    return Check("engines", CheckStatus.HOLDS, f"transformers, openai; {there}")


def _prompt_checks(lm: LanguageModel, prompts: Sequence[Prompt]) -> Iterator[Check]:
    ids = prompts[0].prompt_ids
    if lm.asks_in_chat:
        yield Check("prompt", CheckStatus.HOLDS, f"chat template, ends {lm.tokenizer.decode(ids[-4:])!r}")
    else:
        yield Check("prompt", CheckStatus.HOLDS, "plain `Q: … A:`; the answer ends with the line")
    yield _bos_check(lm, ids)
    stops = ", ".join(repr(lm.tokenizer.decode([i])) for i in sorted(lm.stop_ids))
    if stops:
        yield Check("closing tokens", CheckStatus.HOLDS, stops)
    else:
        yield Check("closing tokens", CheckStatus.NOTED, "none: every answer runs to its length limit")
    limit = "not limited" if lm.max_length is None else f"{lm.max_length:,} tokens"
    window = "" if lm.window is None else f", sliding window of {lm.window:,} tokens"
    yield Check("context", CheckStatus.HOLDS, limit + window)
    shared = len(shared_ids(lm, [p.prompt_ids for p in prompts]))
    yield Check("shared prefix", CheckStatus.HOLDS, f"{shared} of {len(ids)} prompt tokens are computed once")


def _bos_check(lm: LanguageModel, ids: Sequence[int]) -> Check:
    bos = lm.tokenizer.bos_token_id
    usual = lm.tokenizer("x")["input_ids"]
    if bos is None:
        return Check("BOS", CheckStatus.HOLDS, "the tokenizer has none")
    count = next((n for n, i in enumerate(ids) if i != bos), len(ids))
    if count > 1:
        return Check("BOS", CheckStatus.BROKEN, f"the prompt begins with {count}")
    if count == 0 and usual[:1] == [bos]:
        return Check("BOS", CheckStatus.NOTED, "the tokenizer begins texts with one, the chat template does not")
    return Check("BOS", CheckStatus.HOLDS, "one" if count else "none, as the tokenizer has it")


def _structure_checks(lm: LanguageModel) -> Iterator[Check]:
    yield Check("blocks", CheckStatus.HOLDS, f"{lm.n_layers} in {lm.blocks.path}, width {lm.width}")
    there, missing = [], []
    for site, hook_points in lm.blocks.hook_points.items():
        if isinstance(hook_points, str):
            missing.append(f"{site} ({hook_points})")
        else:
            there.append(str(site))
    yield Check("sites", CheckStatus.HOLDS, ", ".join(there) + (f"; not {'; '.join(missing)}" if missing else ""))
    yield Check(
        "decoding", CheckStatus.NOTED if lm.cache_use is CacheUse.NONE else CheckStatus.HOLDS, _USES[lm.cache_use]
    )
    told = "told to the model" if lm.takes_positions else "read off the attention mask by the model"
    yield Check("positions", CheckStatus.HOLDS, told)
