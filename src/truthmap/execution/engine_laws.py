"""The law of an engine that gives states: they are those that transformers has of the same tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from truthmap.answers.engines.base import Engine
from truthmap.answers.prompt import Prompt
from truthmap.errors import ModelError
from truthmap.execution.state_laws import BRIEFLY, Check, CheckStatus, Pairs, tried
from truthmap.lm.model import LanguageModel
from truthmap.lm.rounding import tolerance_of
from truthmap.records import Site
from truthmap.store.tokens import AnswerStates, PickedFrom, StateReader

_BEHIND = 8
"""Tokens behind the second whole block of the cache: what is read there is read from a cached prefix on."""
_BLOCK = 128
"""Tokens in a block of a cache, the largest that is usual."""


@dataclass(frozen=True)
class EngineStates:
    """States that an engine gave of one sequence.

    Attributes:
        how: In which way.
        ids: The sequence.
        first: The first token that was asked for; all behind it were.
        states: For each site (L, T - first, d).
    """

    how: str
    ids: tuple[int, ...]
    first: int
    states: dict[Site, torch.Tensor]


def room_of_laws(prompts: Sequence[Prompt], most: int | None) -> int:
    """Return the tokens of the longest sequence that the laws are tried on.

    Args:
        prompts: What the engine is asked.
        most: Tokens that the model can read; `None`: not limited.
    """
    longest = max(len(p.prompt_ids) for p in prompts) + BRIEFLY.max_new_tokens
    wanted = max(longest, 2 * _BLOCK + _BEHIND + len(prompts))
    return wanted if most is None else min(wanted, most)


def engine_states(engine: Engine, prompts: Sequence[Prompt], sites: tuple[Site, ...], room: int) -> list[EngineStates]:
    """Let an engine give states in every way in which it does: while it answers, in a batch, behind a cached prefix.

    Args:
        engine: An engine that reads.
        prompts: What it is asked.
        sites: Which states.
        room: Tokens that a sequence may have.

    Raises:
        ModelError: the engine fails, or lacks states.
    """
    assert engine.reader is not None
    sequences = [p.prompt_ids for p in prompts]
    long = [_long(ids, n, engine.reader.block, room) for n, ids in enumerate(sequences)]
    behind = [min(engine.reader.block, len(ids) - 1) for ids in long]
    return [
        *_generated(engine, prompts, sites),
        *_read("read = transformers", engine.reader, sequences, [0] * len(sequences)),
        *_read("long ones read = transformers", engine.reader, long, behind),
        *_read("behind a cached prefix = transformers", engine.reader, long, behind),
    ]


def engine_checks(lm: LanguageModel, found: Sequence[EngineStates]) -> Iterator[Check]:
    """Hold what an engine gave against what the loaded model has of the same tokens."""
    tolerance = tolerance_of(lm, max((each.ids for each in found), key=len))
    for how in dict.fromkeys(each.how for each in found):
        own = [each for each in found if each.how == how]
        yield tried(tolerance, how, partial(_pairs, lm, own))


def engine_fault(engine: str, reason: str) -> Check:
    """Return that an engine gives no states that could be tried."""
    return Check(f"{engine} gives states", CheckStatus.BROKEN, f"{reason}; use --capture transformers")


def _pairs(lm: LanguageModel, own: Sequence[EngineStates]) -> Pairs:
    found, wanted = [], []
    for each in own:
        states = lm.states(each.ids, sites=tuple(each.states))
        assert isinstance(states, dict)
        for site, theirs in each.states.items():
            found.append(theirs)
            wanted.append(states[site][:, each.first :])
    return Pairs(found, wanted)


def _long(ids: Sequence[int], n: int, block: int, room: int) -> tuple[int, ...]:
    """Return a prompt over and over, each time begun one token later, as long as two blocks and something."""
    length = min(room, 2 * block + _BEHIND + n)
    repeated = [i for turn in range(1 + length) for i in ids[turn % len(ids) :]]
    return tuple(repeated[:length])


def _generated(engine: Engine, prompts: Sequence[Prompt], sites: tuple[Site, ...]) -> Iterator[EngineStates]:
    for batch in engine.answer(prompts, replace(BRIEFLY), sites):
        if batch.states is None:
            raise ModelError("it keeps no states while it answers")
        for n, answer in enumerate(batch.answers):
            ids, first = answer.prompt_ids + answer.answer_ids, len(answer.prompt_ids) - 1
            yield EngineStates("generated = transformers", ids, first, _picked(batch.states, n, first, len(ids)))


def _read(
    how: str, reader: StateReader, sequences: Sequence[tuple[int, ...]], first: Sequence[int]
) -> Iterator[EngineStates]:
    kept = [[(start, len(ids))] for ids, start in zip(sequences, first, strict=True)]
    states = reader.read(sequences, kept)
    for n, ids in enumerate(sequences):
        yield EngineStates(how, ids, first[n], _picked(states, n, first[n], len(ids)))


def _picked(states: AnswerStates | PickedFrom, n: int, first: int, end: int) -> dict[Site, torch.Tensor]:
    ranges = np.array([[[token, token + 1] for token in range(first, end)]], dtype=np.int32)
    return {site: found[:, :, 0] for site, found in states.pick(ranges, [n]).items()}
