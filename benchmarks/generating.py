"""Generating answers and capturing their states.

`smollm2` on `cities`, greedy, 24 new tokens. Each way runs in a process of its own on the same prompts, so that its
peak of memory is its own. "Over the model" is that peak less the one with the model just loaded and warm.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import torch

from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.capture.second_pass import CaptureSettings, StateCapture
from truthmap.grading.token_spans import locate_positions
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.positions import PAPER, LocatedPositions
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.records import Answer, Site

NEW_TOKENS = 24
BATCH = 64
MANY, MORE, FEW = 2 * BATCH, 6 * BATCH, 8
MEGABYTE = 1e6


@dataclass(frozen=True)
class Measured:
    """How fast a way was, what it took, and what came out of it.

    Attributes:
        rate: Prompts or answers per second.
        megabytes: Peak of memory over the loaded, warm model.
        texts: Question id → answer ids, for comparison; empty where nothing is generated.
        share: A ratio that this way alone measures, see there; 0 for the others.
    """

    rate: float
    megabytes: float
    texts: dict[str, tuple[int, ...]]
    share: float = 0.0


def run() -> str:
    """Measure every way and compare."""
    ways: dict[str, Callable[[], Measured]] = {
        "one": one_at_a_time,
        "generate": transformers_generate,
        "ours": ours,
        "kept": ours_with_states,
        "more": ours_with_states_three_times,
        "cost": cost_of_keeping_states,
        "trace": trace_one_at_a_time,
        "batched trace": trace_in_batches,
        "second": second_pass,
    }
    done = {}
    for name, way in ways.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            done[name] = process.submit(way).result()
        print(f"  {name}: {done[name].rate:.2f}/s, {done[name].megabytes:.0f} MB", flush=True)
    return f"{_generating(done)}\n\n{_capturing(done)}\n\n{_targets(done)}"


def _generating(done: dict[str, Measured]) -> str:
    base = done["one"].rate
    names = {
        "one": f"transformers `generate`, one prompt at a time ({FEW} prompts)",
        "generate": f"transformers `generate`, batch {BATCH}",
        "ours": f"truthmap, batch {BATCH}",
        "kept": f"truthmap, batch {BATCH}, states captured on the way",
    }
    rows = [
        f"| {text} | {done[name].rate:.2f} | {done[name].rate / base:.1f}× | {done[name].megabytes:.0f} MB |"
        for name, text in names.items()
    ]
    return "\n".join(["| generating | prompts/s | | over the model |", "|---|--:|--:|--:|", *rows])


def _capturing(done: dict[str, Measured]) -> str:
    base = done["trace"].rate
    names = {
        "trace": f"`output_hidden_states`, one answer at a time ({FEW} answers)",
        "batched trace": f"`output_hidden_states`, batch {BATCH}",
        "second": f"truthmap, second pass, batch {BATCH}",
    }
    rows = [
        f"| {text} | {done[name].rate:.2f} | {done[name].rate / base:.1f}× | {done[name].megabytes:.0f} MB |"
        for name, text in names.items()
    ]
    return "\n".join(["| capturing | answers/s | | over the model |", "|---|--:|--:|--:|", *rows])


def _targets(done: dict[str, Measured]) -> str:
    in_sequence = 1 / (1 / done["one"].rate + 1 / done["trace"].rate)
    faster = done["kept"].rate / in_sequence
    more = done["more"].megabytes - done["kept"].megabytes
    same = sum(done["ours"].texts[i] == ids for i, ids in done["generate"].texts.items())
    return "\n".join(
        [
            f"- Generating and capturing, against one at a time and in sequence: {faster:.1f}×.",
            f"- Generating, against `generate` at batch {BATCH}: {done['ours'].rate / done['generate'].rate:.2f}×.",
            f"- {same} of {len(done['generate'].texts)} answers are the same as those of `generate`, to the token.",
            f"- Capturing on the way costs {done['cost'].share:+.1%} of generating, in processor time.",
            f"- {MORE} answers instead of {MANY}: {more:+.0f} MB at the peak.",
            f"- The second pass reaches {done['second'].share:.0%} of this machine's matrix-product peak (float32).",
        ]
    )


def one_at_a_time() -> Measured:
    """Generate prompt after prompt."""
    lm, prompts = _loaded(FEW)
    return _measured(lambda: _generate(lm, prompts, 1))


def transformers_generate() -> Measured:
    """Generate in batches, padded on the left."""
    lm, prompts = _loaded(MANY)
    return _measured(lambda: _generate(lm, prompts, BATCH))


def ours() -> Measured:
    """Generate with a shared prefix; finished rows leave."""
    lm, prompts = _loaded(MANY)
    return _measured(lambda: _texts(_answers(lm, prompts)))


def ours_with_states() -> Measured:
    """The same, states kept."""
    lm, prompts = _loaded(MANY)
    return _measured(lambda: _texts(_answers(lm, prompts, (Site.RESIDUAL,))))


def ours_with_states_three_times() -> Measured:
    """The same with three times as many prompts, for the memory."""
    lm, prompts = _loaded(MORE)
    return _measured(lambda: _texts(_answers(lm, prompts, (Site.RESIDUAL,))))


def cost_of_keeping_states() -> Measured:
    """Generate with and without keeping states, in turn; the share is what keeping them adds.

    Processor time of one thread, the best of five tries each: other work on the machine hardly disturbs it, and threads
    that wait for each other are not counted as work.
    """
    torch.set_num_threads(1)
    lm, prompts = _loaded(BATCH)
    plain, kept = [], []
    for _ in range(5):
        plain.append(_processor_time(lambda: _answers(lm, prompts)))
        kept.append(_processor_time(lambda: _answers(lm, prompts, (Site.RESIDUAL,))))
    return Measured(len(prompts) / min(kept), 0.0, {}, min(kept) / min(plain) - 1)


def trace_one_at_a_time() -> Measured:
    """Ask the model for its hidden states, answer after answer."""
    lm, prompts = _loaded(FEW)
    answers = _answers(lm, prompts)
    return _measured(lambda: _trace(lm, answers, 1))


def trace_in_batches() -> Measured:
    """The same in batches, padded on the right."""
    lm, prompts = _loaded(BATCH)
    answers = _answers(lm, prompts)
    return _measured(lambda: _trace(lm, answers, BATCH))


def second_pass() -> Measured:
    """Capture in a second pass."""
    from torch.utils.flop_counter import FlopCounterMode

    lm, prompts = _loaded(MANY)
    answers = _answers(lm, prompts)
    places = _places(answers)
    reader = StateCapture(lm, CaptureSettings(batch_tokens=_budget(prompts)))

    def capture() -> dict[str, tuple[int, ...]]:
        reader.capture(answers, places, (Site.RESIDUAL,))
        return {answer.question_id: () for answer in answers}

    with FlopCounterMode(display=False) as counted:
        capture()
    measured = _measured(capture)
    # Operations per second of processor time, in both: other work on the machine hardly disturbs that.
    reached = counted.get_total_flops() / min(_processor_time(capture) for _ in range(2))
    return Measured(measured.rate, measured.megabytes, {}, reached / _peak())


def _loaded(count: int) -> tuple[LanguageModel, list[Prompt]]:
    """Load the model, warm it up, and give prompts."""
    lm = load_model("smollm2", LoadSettings(device="cpu"))
    questions = load_questions("cities", QuestionSettings(limit=MORE))
    task = questions.task
    asked = questions.questions[:count]
    prompts = [Prompt(q.id, lm.prompt_ids(task.chat(q), task.plain(q))) for q in asked]
    with torch.inference_mode():
        lm.model(torch.tensor([prompts[0].prompt_ids]))
    return lm, prompts


def _measured(work: Callable[[], dict[str, tuple[int, ...]]]) -> Measured:
    before, start = _peak_memory(), time.perf_counter()
    texts = work()
    seconds = time.perf_counter() - start
    return Measured(len(texts) / seconds, _peak_memory() - before, texts)


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def _budget(prompts: Sequence[Prompt]) -> int:
    """Return the token budget that makes batches of BATCH."""
    return BATCH * (max(len(p.prompt_ids) for p in prompts) + NEW_TOKENS)


def _answers(lm: LanguageModel, prompts: Sequence[Prompt], sites: tuple[Site, ...] = ()) -> list[Answer]:
    settings = GenerateSettings(max_new_tokens=NEW_TOKENS, batch_tokens=_budget(prompts))
    return [answer for batch in generate_answers(lm, prompts, settings, sites) for answer in batch.answers]


def _texts(answers: Sequence[Answer]) -> dict[str, tuple[int, ...]]:
    return {answer.question_id: answer.answer_ids for answer in answers}


def _places(answers: Sequence[Answer]) -> LocatedPositions:
    return LocatedPositions(PAPER, {answer.key: locate_positions(answer, None) for answer in answers})


@torch.inference_mode()
def _generate(lm: LanguageModel, prompts: Sequence[Prompt], size: int) -> dict[str, tuple[int, ...]]:
    texts = {}
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        tokens, mask = _padded([p.prompt_ids for p in batch], left=True)
        out = lm.model.generate(
            input_ids=tokens, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
        )
        for prompt, row in zip(batch, out[:, tokens.shape[1] :].tolist(), strict=True):
            end = next((n + 1 for n, token in enumerate(row) if token in lm.stop_ids), len(row))
            texts[prompt.question_id] = tuple(row[:end])
    return texts


@torch.inference_mode()
def _trace(lm: LanguageModel, answers: Sequence[Answer], size: int) -> dict[str, tuple[int, ...]]:
    """Ask for all hidden states and keep those at the positions, as one would without hooks."""
    places, kept = _places(answers), []
    for start in range(0, len(answers), size):
        batch = answers[start : start + size]
        tokens, mask = _padded([a.prompt_ids + a.answer_ids for a in batch], left=False)
        hidden = lm.model(input_ids=tokens, attention_mask=mask, output_hidden_states=True).hidden_states
        where = torch.from_numpy(np.stack([np.maximum(places.index[a.key], 0) for a in batch])).long()
        rows = torch.arange(len(batch))[:, None]
        kept.append(torch.stack([states[rows, where] for states in hidden[1:]]))
    return {answer.question_id: () for answer in answers}


def _padded(sequences: Sequence[Sequence[int]], *, left: bool) -> torch.Tensor:
    """Return tokens and mask, int64 (2, rows, longest)."""
    longest = max(map(len, sequences))
    both = torch.zeros((2, len(sequences), longest), dtype=torch.long)
    for n, ids in enumerate(sequences):
        place = slice(longest - len(ids), longest) if left else slice(0, len(ids))
        both[0, n, place], both[1, n, place] = torch.tensor(ids), 1
    return both


def _peak() -> float:
    """Return the floating-point operations of a large float32 matrix product per second of processor time."""
    one, other = torch.rand((2048, 2048)), torch.rand((2048, 2048))
    return 2 * 2048**3 / min(_processor_time(lambda: one @ other) for _ in range(9))


def _processor_time(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
