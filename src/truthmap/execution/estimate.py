"""What a study will take, before it starts: answers, disk, memory, time."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from truthmap.answers.batch_budget import answer_budget, states_fit_on_the_way
from truthmap.answers.engines.local import LocalEngine
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.errors import StorageError
from truthmap.execution.active_run import ActiveRun
from truthmap.lm.batches import cut_into_batches
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import shared_ids
from truthmap.lm.sizes import Sizes, measure_sizes
from truthmap.records import Question, Site
from truthmap.storage import is_remote
from truthmap.store.store_dtype import stored_bytes
from truthmap.study.sections import SHARD, StatesSection

_SPARE = 1.1
"""Free disk asked for, over what the states take: tables, figures, and the file being written."""
_OTHER_FILES = 64 << 20
"""Bytes of everything but states: answers, grades, grid, figures."""
_UNEVEN = 1.3
"""What the allocator takes over what is asked of it, measured with smollm2 on a CPU: 479 MB for 351 MB."""
_SAMPLE = 8
"""Prompts answered to see how long an answer is."""


@dataclass(frozen=True)
class Forecast:
    """What a study is going to take.

    Attributes:
        answers: Answers whose states are kept.
        too_long: Prompts that leave no room for an answer; they are counted as unscored.
        disk: Bytes in the run folder.
        memory: Bytes of weights and of the largest batch at once, on the model's device (on a CPU: in all).
        seconds: Time for answers and states, extrapolated; `None`: not asked for.
        answer_tokens: Expected mean length of an answer, in tokens.
        second_pass: The states of every answer token would take so much memory that answers are read once more instead.
    """

    answers: int
    disk: int
    memory: int
    too_long: int = 0
    seconds: float | None = None
    answer_tokens: float | None = None
    second_pass: bool = False

    def __str__(self) -> str:
        parts = [f"{self.answers:,} answers", f"{in_bytes(self.disk)} on disk", f"{in_bytes(self.memory)} of memory"]
        if self.too_long:
            parts.append(f"{self.too_long:,} prompts too long for the model")
        if self.seconds is not None:
            parts.append(f"about {in_time(self.seconds)} for answers and states")
        if self.second_pass:
            parts.append("states in a second pass (those of every answer token would take too much memory on the way)")
        return ", ".join(parts)


def forecast(
    engine: LocalEngine,
    prompts: Sequence[Prompt],
    settings: GenerateSettings,
    kept: StatesSection,
    budget: float,
    ready: int = 0,
) -> Forecast:
    """Estimate what answering these prompts and keeping their states takes.

    The time comes from a timed step of one row and of a full batch, and from the length of a few answers (thrown
    away).

    Args:
        engine: The model, as it answers by itself.
        prompts: All prompts.
        settings: How they will be answered.
        kept: Which states will be kept.
        budget: Seconds that the few answers may take; 0 forecasts no time.
        ready: Answers that are there already and whose states alone are to be kept.
    """
    lm = engine.model
    sizes = measure_sizes(lm, kept.sites)
    fits = [p for p in prompts if lm.max_length is None or len(p.prompt_ids) <= lm.max_length - settings.max_new_tokens]
    answers, too_long = len(fits) + ready, len(prompts) - len(fits)
    disk = states_on_disk(sizes, kept, lm.n_layers, answers) + _OTHER_FILES
    on_the_way = states_fit_on_the_way(lm, fits, settings, kept.sites)
    batches = _batches(lm, fits, settings, kept.sites if on_the_way else ())
    memory = peak_memory(sizes, lm.n_layers, len(kept.columns), settings, batches, on_the_way=on_the_way)
    if budget <= 0 or not fits:
        return Forecast(answers, disk, memory, too_long, second_pass=not on_the_way)
    step = _timed_step(lm, max(batch.rows for batch in batches))
    tokens = _expected_tokens(engine, fits, settings, step, budget)
    shared = len(shared_ids(lm, [p.prompt_ids for p in fits])) if settings.share_prefix else 0
    own = sum(len(p.prompt_ids) - shared for p in fits)
    # A batch goes on until its longest answer ends; each token of each row is computed once.
    steps = len(batches) * len(fits) / min(len(fits), SHARD) * settings.max_new_tokens
    seconds = steps * step.base + (own + len(fits) * tokens) * step.row
    return Forecast(answers, disk, memory, too_long, seconds, tokens, second_pass=not on_the_way)


def states_on_disk(sizes: Sizes, kept: StatesSection, n_layers: int, rows: int) -> int:
    """Return the bytes that the states of so many rows take on disk, but for the files' headers."""
    cells = n_layers * len(kept.columns)
    widths = (state // sizes.number for state in sizes.state.values())
    each = sum(stored_bytes(width, sizes.number, kept.store_dtype, kept.shard) for width in widths)
    return math.ceil(cells * rows * each)


def announce(run: ActiveRun, questions: Sequence[Question], budget: float = 5.0) -> None:
    """Say what answering these questions will take, and refuse it where the disk cannot hold it.

    Raises:
        StorageError: too little disk is free.
    """
    prompts = [Prompt(q.id, run.prompt_ids(q)) for q in questions if q.answer is None]
    settings = run.generate_settings
    another = run.study.answers.engine.elsewhere()
    with run.progress.stage("Estimating", None):
        # How long another engine takes cannot be told from steps of this one.
        budget = 0 if another else budget
        local = LocalEngine(run.model, run.prefixes)
        takes = forecast(local, prompts, settings, run.study.states, budget, len(questions) - len(prompts))
    if not is_remote(str(run.states_at)):
        require_room(run.folder.path, takes.disk)
    run.progress.say(f"To do: {takes}" + (f"; the answers come from {another}, in its own time" if another else ""))


def require_room(folder: Path, needed: int) -> None:
    """Refuse to start what the disk cannot hold.

    Args:
        folder: Where it will be written; need not exist yet.
        needed: Bytes still to be written.

    Raises:
        StorageError: too little is free.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed * _SPARE > free:
        raise StorageError(
            f"the disk is too small: the run needs about {in_bytes(round(needed * _SPARE))} in {folder}, "
            f"{in_bytes(free)} are free; choose another --out, fewer questions (--limit), fewer sites (--site), "
            "fewer positions (--positions) or narrower numbers (--store-dtype)"
        )


def in_bytes(count: int) -> str:
    """Write a number of bytes for a reader."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f} {unit}"
    return f"{count} bytes"


def in_time(seconds: float) -> str:
    """Write a duration for a reader."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3600:.1f} h"


@dataclass(frozen=True)
class _Step:
    """Seconds that a decoding step costs by itself, and for each row in it."""

    base: float
    row: float


def _timed_step(lm: LanguageModel, rows: int) -> _Step:
    """Time a step of one row and one of many, without a cache: reading the weights and multiplying are what counts."""
    one, many = _seconds(lm, 1), _seconds(lm, rows) if rows > 1 else 0.0
    row = max(0.0, many - one) / (rows - 1) if rows > 1 else 0.0
    return _Step(base=max(0.0, one - row), row=row)


def _seconds(lm: LanguageModel, rows: int) -> float:
    """Return the seconds of one token in each of so many rows, the better of two tries."""
    tokens = torch.zeros((rows, 1), dtype=torch.long, device=lm.device)
    tries = []
    with torch.inference_mode():
        for _ in range(2):
            before = time.perf_counter()
            lm.model(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False).logits[0, 0, 0].item()
            tries.append(time.perf_counter() - before)
    return min(tries)


def _expected_tokens(
    engine: LocalEngine, prompts: Sequence[Prompt], settings: GenerateSettings, step: _Step, budget: float
) -> float:
    """Return the mean length of a few answers; where answering them would take too long, the longest there can be."""
    # Spread over the questions, so that a data set that is sorted by length or kind does not mislead.
    sample = prompts[:: max(1, len(prompts) // _SAMPLE)][:_SAMPLE]
    if settings.max_new_tokens * (step.base + len(sample) * step.row) > budget:
        return float(settings.max_new_tokens)
    return _answer(engine, sample, settings) / len(sample)


def _answer(engine: LocalEngine, prompts: Sequence[Prompt], settings: GenerateSettings) -> int:
    """Answer prompts and give how many tokens that took."""
    return sum(len(answer.answer_ids) for batch in engine.answer(prompts, settings) for answer in batch.answers)


@dataclass(frozen=True)
class Batch:
    """Answers in a batch, and tokens in the longest of them, prompt and answer."""

    rows: int
    tokens: int


def _batches(
    lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings, sites: tuple[Site, ...]
) -> list[Batch]:
    """Return the batches of the longest prompts' shard; the work is cut into shards first, then into batches."""
    shard = sorted(prompts, key=lambda p: len(p.prompt_ids))[-SHARD:]
    if not shard:
        return []
    lengths = [len(p.prompt_ids) + settings.max_new_tokens for p in shard]
    budget = answer_budget(lm, shard, settings, sites)
    return [Batch(len(part), lengths[part[-1]]) for part in cut_into_batches(lengths, budget)]


def peak_memory(
    sizes: Sizes,
    n_layers: int,
    n_positions: int,
    settings: GenerateSettings,
    batches: Sequence[Batch],
    *,
    on_the_way: bool = True,
) -> int:
    """Add up the bytes there at once: weights, keys and values, states of the answer's tokens, logits, one shard."""
    state = sum(sizes.state.values()) * n_layers
    kept = (1 + settings.max_new_tokens) * state if on_the_way else 0
    # Logits are held as scores and as probabilities, a shard as pieces and as a whole.
    needs = [batch.rows * (batch.tokens * sizes.cache_token + 3 * sizes.logits + kept) for batch in batches]
    shard = 2 * n_positions * state * sum(batch.rows for batch in batches)
    return sizes.weights + round(_UNEVEN * (max(needs, default=0) + shard))
