"""Running out of memory for real: nearly all of it is taken, and a batch that does not fit is halved until it does."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu.card import free_memory, spend
from benchmarks.gpu.random_llama import random_llama, random_prompts
from benchmarks.gpu.section import Section, table
from benchmarks.gpu.size import LlamaShape, Prompts
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.grading.token_spans import locate_positions
from truthmap.lm.cache import TOLERANCES
from truthmap.lm.model import LanguageModel
from truthmap.lm.rounding import relative_difference
from truthmap.positions import PAPER, LocatedPositions
from truthmap.records import Answer, Site
from truthmap.store.tokens import TokenStates

_PARTS = 4
_ROOM = 1.5  # times what a quarter of the batch takes: so that half of it does not fit
_LEAST = 2**25  # bytes: on a CPU a heap that is used again hides what a batch takes
_SITES = (Site.RESIDUAL,)


@dataclass(frozen=True)
class Halving:
    """What a batch that did not fit came to, against the same work in quarters with all the memory there is.

    Attributes:
        what: The work.
        room: Bytes that were left free.
        parts: Answers in each part that fitted.
        same: Answers that are the same to the token.
        difference: Greatest relative difference of a state.
    """

    what: str
    room: int
    parts: tuple[int, ...]
    same: int
    difference: float


def run_out_of_memory(device: torch.device, shape: LlamaShape, asked: Prompts) -> Section:
    """Ask too much at once, generating and reading."""
    found = provoke(device, shape, asked)
    rows = [
        (
            each.what,
            f"{each.room / 1e6:,.0f} MB",
            " + ".join(map(str, each.parts)),
            f"{each.same} of {asked.count}",
            f"{each.difference:.2g}",
        )
        for each in found
    ]
    columns = (f"{asked.count} prompts at once", "free memory", "parts that fitted", "same answers", "states differ by")
    intro = (
        "A random Llama in float32; all of the device's memory but what a quarter of the batch needs, and half as much "
        "again, is taken by something else. Compared with the same work in quarters, with the memory free."
    )
    return Section(
        "Out of memory", [intro, "", *table(columns, rows)], [f for each in found for f in faults_of(each, asked)]
    )


def provoke(device: torch.device, shape: LlamaShape, asked: Prompts) -> tuple[Halving, Halving]:
    """Run out of memory once while answers are generated, and once while they are read."""
    lm = random_llama(shape, device, torch.float32, ends=False)
    prompts = random_prompts(shape, asked)
    answers, states, takes = _in_quarters(lm, prompts, asked)
    room = _room(takes)
    with crowded(device, room):
        parts, found, crowd = _generated(lm, prompts, asked, asked.count)
    same = sum(found[i].answer_ids == answers[i].answer_ids for i in found)
    generating = Halving("generating, states kept", room, parts, same, relative_difference(crowd, states))
    return generating, _read_too_much(lm, list(answers.values()), asked)


@contextmanager
def crowded(device: torch.device, room: int) -> Iterator[None]:
    """Leave so many bytes of memory free inside the `with`.

    On a GPU the rest is taken by a plain allocation. On a CPU, where these measurements are only tried out, the
    process may not grow by more.
    """
    free_memory(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        taken = torch.empty(max(0, free - room), dtype=torch.uint8, device=device)
        try:
            yield
        finally:
            del taken
            free_memory(device)
        return
    import resource  # not on every system

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * mmap.PAGESIZE + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _room(takes: int) -> int:
    return max(_LEAST, int(_ROOM * takes))


def _in_quarters(
    lm: LanguageModel, prompts: list[Prompt], asked: Prompts
) -> tuple[dict[str, Answer], torch.Tensor, int]:
    """Answer in quarters; give the answers, their states and what the last quarter, the longest, took."""
    quarter = asked.count // _PARTS
    _generated(lm, prompts[-quarter:], asked, quarter)  # what is made once is there from here on
    takes = spend(lm.device, lambda: _generated(lm, prompts[-quarter:], asked, quarter)).memory
    _, answers, states = _generated(lm, prompts, asked, quarter)
    return answers, states, takes


def _generated(
    lm: LanguageModel, prompts: list[Prompt], asked: Prompts, rows: int
) -> tuple[tuple[int, ...], dict[str, Answer], torch.Tensor]:
    """Answer in batches of so many rows; give the parts that came, the answers, and their states (L, n, tokens, d)."""
    settings = GenerateSettings(
        max_new_tokens=asked.new_tokens, batch_tokens=rows * (asked.longest + asked.new_tokens), share_prefix=False
    )
    parts, answers, states = [], {}, []
    for batch in generate_answers(lm, prompts, settings, _SITES):
        assert isinstance(batch.states, TokenStates)
        parts.append(len(batch.answers))
        answers.update({answer.question_id: answer for answer in batch.answers})
        states.append(batch.states.states[Site.RESIDUAL].cpu())
    return tuple(parts), answers, torch.cat(states, dim=1)


def _read_too_much(lm: LanguageModel, answers: list[Answer], asked: Prompts) -> Halving:
    located = LocatedPositions(PAPER, {answer.key: locate_positions(answer, None) for answer in answers})
    quarter = asked.count // _PARTS

    def read(chosen: list[Answer], rows: int) -> tuple[tuple[int, ...], torch.Tensor]:
        done = [0]
        settings = CaptureSettings(batch_tokens=rows * (asked.longest + asked.new_tokens), share_prefix=False)
        shard = capture_states(lm, chosen, located, _SITES, settings, done.append)
        return tuple(np.diff(done).tolist()), shard.states[Site.RESIDUAL]

    longest = answers[-quarter:]
    read(longest, quarter)
    takes = spend(lm.device, lambda: read(longest, quarter)).memory
    _, states = read(answers, quarter)
    room = _room(takes)
    with crowded(lm.device, room):
        parts, crowd = read(answers, asked.count)
    difference = relative_difference(crowd, states)
    return Halving("second pass", room, parts, len(answers), difference)


def faults_of(each: Halving, asked: Prompts) -> list[str]:
    """Say what halving changed, or that none was needed."""
    faults = []
    if len(each.parts) < 2 or sum(each.parts) != asked.count:
        faults.append(f"{each.what}: parts of {each.parts} for {asked.count} answers")
    if each.same != asked.count:
        faults.append(f"{each.what}: {asked.count - each.same} answers changed")
    if each.difference > TOLERANCES[torch.float32]:
        faults.append(f"{each.what}: states differ by {each.difference:.2g}")
    return faults
