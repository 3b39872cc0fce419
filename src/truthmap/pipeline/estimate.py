"""What a study will take, before it starts: answers, disk, memory, time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from truthmap.errors import StorageError
from truthmap.pipeline.settings import SHARD
from truthmap.records import POSITIONS, Site

if TYPE_CHECKING:
    from truthmap.answers import GenerateSettings, Prompt
    from truthmap.lm import LanguageModel, Sizes
    from truthmap.pipeline.work import Work
    from truthmap.records import Question

_SPARE = 1.1
"""Free disk asked for, over what the states take: tables, figures, and the file being written."""
_OTHER_FILES = 64 << 20
"""Bytes of everything but states: answers, grades, grid, figures."""
_UNEVEN = 1.3
"""What the allocator takes over what is asked of it, measured with smollm2 on a CPU: 479 MB for 351 MB."""
_TRIES = (1, 8, 32)
"""Prompts answered for the forecast; from about 16 rows on a CPU's time grows with the rows."""
_SOON = 30.0
"""Seconds below which no more effort goes into a forecast."""


@dataclass(frozen=True)
class Forecast:
    """What a study is going to take.

    Attributes:
        answers: Answers whose states are kept.
        too_long: Prompts that leave no room for an answer; they are counted as unscored.
        disk: Bytes in the run folder.
        memory: Bytes of weights and of the largest batch at once, on the model's device (on a CPU: in all).
        seconds: Time for answers and states, extrapolated from a few answers; `None`: too few to be worth it.
        answer_tokens: Mean length of those few answers, in tokens.
    """

    answers: int
    disk: int
    memory: int
    too_long: int = 0
    seconds: float | None = None
    answer_tokens: float | None = None

    def __str__(self) -> str:
        parts = [f"{self.answers:,} answers", f"{in_bytes(self.disk)} on disk", f"{in_bytes(self.memory)} of memory"]
        if self.too_long:
            parts.append(f"{self.too_long:,} prompts too long for the model")
        if self.seconds is not None:
            parts.append(f"about {in_time(self.seconds)} for answers and states")
        return ", ".join(parts)


def forecast(
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    settings: GenerateSettings,
    sites: tuple[Site, ...],
    budget: float,
    ready: int = 0,
) -> Forecast:
    """Estimate what answering these prompts and keeping their states takes.

    The time comes from answering 1, 8, 32 of the prompts (thrown away), as far as `budget` seconds go: the last two
    tries tell the cost of a batch by itself and of an answer in it.

    Args:
        lm: The model.
        prompts: All prompts.
        settings: How they will be answered.
        sites: What will be kept.
        budget: Seconds to spend; 0 forecasts no time.
        ready: Answers that are there already and whose states alone are to be kept.
    """
    from truthmap.lm import measure_sizes

    sizes = measure_sizes(lm, sites)
    fits = [p for p in prompts if lm.max_length is None or len(p.prompt_ids) <= lm.max_length - settings.max_new_tokens]
    answers, too_long = len(fits) + ready, len(prompts) - len(fits)
    disk = lm.n_layers * len(POSITIONS) * answers * sum(sizes.state.values()) + _OTHER_FILES
    batches = _batches(fits, settings)
    memory = _memory(lm, sizes, settings, batches)
    if budget <= 0 or not fits:
        return Forecast(answers, disk, memory, too_long)
    pace = _measured_pace(lm, fits, settings, sites, budget)
    in_all = len(batches) * len(fits) / min(len(fits), SHARD)
    seconds = in_all * pace.batch + len(fits) * pace.answer
    return Forecast(answers, disk, memory, too_long, seconds, pace.tokens)


def announce(work: Work, questions: Sequence[Question], budget: float = 5.0) -> None:
    """Say what answering these questions will take, and refuse it where the disk cannot hold it.

    Raises:
        StorageError: too little disk is free.
    """
    from truthmap.answers import Prompt
    from truthmap.pipeline.settings import generate_settings

    prompts = [Prompt(q.id, work.prompt_ids(q)) for q in questions if q.answer is None]
    settings = generate_settings(work.study, work.question_set.task)
    with work.progress.stage("Estimating", None):
        takes = forecast(work.model, prompts, settings, work.study.sites, budget, len(questions) - len(prompts))
    if work.study.states_at is None:
        require_room(work.folder.path, takes.disk)
    work.progress.say(f"To do: {takes}")


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
            f"{in_bytes(free)} are free; choose another --out, fewer questions (--limit) or fewer sites"
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
class _Pace:
    """Seconds that a batch costs by itself, and each answer in it; mean length of an answer in tokens."""

    batch: float
    answer: float
    tokens: float


def _measured_pace(
    lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings, sites: tuple[Site, ...], budget: float
) -> _Pace:
    # Spread over the questions, so that a data set that is sorted by length or kind does not mislead.
    sample = prompts[:: max(1, len(prompts) // _TRIES[-1])]
    pace, fewer, sooner, spent = _Pace(0.0, 0.0, 0.0), 0, 0.0, 0.0
    for count in _TRIES:
        # The next try takes several times as many prompts, and in practice about twice the time.
        if count > len(sample) or spent + 2 * sooner > budget or 0 < sooner * len(prompts) < _SOON:
            break
        before = time.perf_counter()
        tokens = _answer(lm, sample[:count], settings, sites)
        seconds = time.perf_counter() - before
        each = max(0.0, (seconds - sooner) / (count - fewer))
        pace = _Pace(batch=max(0.0, seconds - count * each), answer=each, tokens=tokens / count)
        fewer, sooner, spent = count, seconds, spent + seconds
    return pace


def _answer(lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings, sites: tuple[Site, ...]) -> int:
    """Answer prompts and give how many tokens that took."""
    from truthmap.answers import generate_answers

    batches = generate_answers(lm, prompts, settings, sites)
    return sum(len(answer.answer_ids) for batch in batches for answer in batch.answers)


@dataclass(frozen=True)
class _Batch:
    """Answers in a batch, and tokens in the longest of them, prompt and answer."""

    rows: int
    tokens: int


def _batches(prompts: Sequence[Prompt], settings: GenerateSettings) -> list[_Batch]:
    """Give the batches of the longest prompts' shard; the work is cut into shards first, then into batches."""
    from truthmap.lm import cut_into_batches

    lengths = sorted(len(p.prompt_ids) + settings.max_new_tokens for p in prompts)[-SHARD:]
    return [_Batch(len(part), lengths[part[-1]]) for part in cut_into_batches(lengths, settings.batch_tokens)]


def _memory(lm: LanguageModel, sizes: Sizes, settings: GenerateSettings, batches: Sequence[_Batch]) -> int:
    """Add up what is there at once: weights, keys and values, states of the answer's tokens, logits, one shard."""
    state = sum(sizes.state.values()) * lm.n_layers
    # Logits are held as scores and as probabilities, a shard as pieces and as a whole.
    needs = [
        batch.rows * (batch.tokens * sizes.cache_token + 3 * sizes.logits + (1 + settings.max_new_tokens) * state)
        for batch in batches
    ]
    shard = 2 * len(POSITIONS) * state * sum(batch.rows for batch in batches)
    return sizes.weights + round(_UNEVEN * (max(needs, default=0) + shard))
