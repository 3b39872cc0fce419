"""The laws that hidden states must obey, each tried on a few prompts of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from truthmap.answers.decoding import Decoder
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.errors import ModelError
from truthmap.lm.cache import CacheUse
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import NO_PREFIX, PrefixCache
from truthmap.lm.rounding import relative_difference, tolerance_of
from truthmap.positions import PAPER, LocatedPositions
from truthmap.records import Answer, Site
from truthmap.store.tokens import TokenStates

TOKENS = 12
"""Answer tokens that the laws are tried on."""
BRIEFLY = GenerateSettings(max_new_tokens=TOKENS)


class CheckStatus(StrEnum):
    """What a check says."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOTED = "noted"
    """Not a law: something that the reader should know."""


@dataclass(frozen=True)
class Check:
    """One row of the doctor's table.

    Attributes:
        name: What was looked at.
        verdict: Whether it is as it must be.
        found: What was found, for a reader.
        difference: Greatest relative difference of a state, where states were compared.
    """

    name: str
    verdict: CheckStatus
    found: str
    difference: float | None = None

    @property
    def is_broken(self) -> bool:
        """Whether it is a law that does not hold."""
        return self.verdict is CheckStatus.BROKEN


def state_checks(lm: LanguageModel, prompts: Sequence[Prompt]) -> Iterator[Check]:
    """Try the laws of states on prompts of different lengths, the longest one last."""
    rows = [p.prompt_ids for p in prompts]
    alone = [_states(lm, [ids])[0] for ids in rows]
    finite = all(bool(torch.isfinite(states).all()) for states in alone)
    found = "all finite" if finite else f"some are NaN or infinite in {lm.dtype}; try another --dtype"
    yield Check("states", CheckStatus.HOLDS if finite else CheckStatus.BROKEN, found)
    longest, half = rows[-1], [len(ids) // 2 + 1 for ids in rows]
    law = partial(tried, tolerance_of(lm, longest))
    yield law("residual = hidden_states", lambda: _own_hidden_states(lm, longest, alone[-1]))
    begun = [ids[:count] for ids, count in zip(rows, half, strict=True)]
    before = [states[:, :count] for states, count in zip(alone, half, strict=True)]
    yield law("later tokens change nothing", lambda: Pairs([_states(lm, [ids])[0] for ids in begun], before))
    if lm.cache_use is not CacheUse.NONE:  # else nothing is padded on the left
        yield law("batched = single, padded left", lambda: Pairs(_states(lm, rows, left=True), alone))
    yield law("batched = single, padded right", lambda: Pairs(_states(lm, rows, left=False), alone))
    yield law("generated = forward", lambda: _generated(lm, prompts))
    yield law("rows that leave = single", lambda: _left(lm, prompts))
    yield _no_copies(alone[-1])
    yield law("second pass = forward", lambda: _captured(lm, prompts))


def _no_copies(states: torch.Tensor) -> Check:
    """See that no layer's states are all zero, or those of another layer: float (L, tokens, d)."""
    name = "each layer has states of its own"
    empty = [layer for layer in range(len(states)) if not states[layer].any()]
    if empty:
        return Check(name, CheckStatus.BROKEN, f"all zero in layer {', '.join(map(str, empty[:5]))}")
    same = [n for n in range(1, len(states)) if torch.equal(states[n], states[n - 1])]
    if same:
        return Check(name, CheckStatus.BROKEN, f"layer {same[0]} has those of layer {same[0] - 1}")
    return Check(name, CheckStatus.HOLDS, f"{len(states)} layers, none empty, none a copy")


class Pairs(NamedTuple):
    """States that must be the same: float (L, tokens, d), pair by pair."""

    found: Sequence[torch.Tensor]
    wanted: Sequence[torch.Tensor]


def tried(tolerance: float, name: str, states: Callable[[], Pairs]) -> Check:
    """Try a law; that it cannot be tried is a finding too."""
    try:
        pairs = states()
    except (ModelError, RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        reason = " ".join(str(error).split())
        return Check(name, CheckStatus.BROKEN, f"fails: {type(error).__name__}: {reason[:200]}")
    difference = max(relative_difference(one, other) for one, other in zip(*pairs, strict=True))
    holds = difference <= tolerance
    found = f"differs by {difference:.1g} at most" + ("" if holds else f", rounding explains {tolerance:g}")
    return Check(name, CheckStatus.HOLDS if holds else CheckStatus.BROKEN, found, difference)


@torch.inference_mode()
def _states(lm: LanguageModel, rows: Sequence[Sequence[int]], *, left: bool = True) -> list[torch.Tensor]:
    """Read rows in one forward pass without a cache and give each row's residual states (L, tokens, d) on the CPU."""
    longest = max(map(len, rows))
    tokens, mask = torch.zeros((2, len(rows), longest), dtype=torch.long)
    places = [slice(longest - len(ids), longest) if left else slice(0, len(ids)) for ids in rows]
    for n, (ids, place) in enumerate(zip(rows, places, strict=True)):
        tokens[n, place], mask[n, place] = torch.tensor(ids), 1
    seen: dict[int, torch.Tensor] = {}

    def look(layer: int, states: torch.Tensor) -> None:
        seen[layer] = states.reshape(len(rows), longest, -1).cpu()

    with record_hidden_states(lm.blocks.at(Site.RESIDUAL), look):
        lm.model.base_model(**forward_inputs(lm.model, tokens.to(lm.device), mask.to(lm.device)), use_cache=False)
    every = torch.stack([seen[layer] for layer in range(lm.n_layers)])
    return [every[:, n, place] for n, place in enumerate(places)]


@torch.inference_mode()
def _own_hidden_states(lm: LanguageModel, ids: Sequence[int], wanted: torch.Tensor) -> Pairs:
    """Pair the model's own hidden states of every layer but the last with the ones wanted, float (L, tokens, d).

    The last ones it gives behind its final norm. Some models count the embeddings as the first, some do not.
    """
    tokens = torch.tensor([list(ids)], device=lm.device)
    mask = torch.ones_like(tokens)
    handed = lm.model(input_ids=tokens, attention_mask=mask, output_hidden_states=True).hidden_states
    if len(handed) not in (lm.n_layers, lm.n_layers + 1):
        raise ModelError(f"{lm.name} gives {len(handed)} hidden states, expected those of {lm.n_layers} layers")
    point = lm.blocks.at(Site.RESIDUAL)[0]
    own = [(point.states(each) if each.ndim == 4 else each).reshape(1, len(ids), -1)[0].cpu() for each in handed[:-1]]
    ways = [own[begin : begin + lm.n_layers - 1] for begin in (len(own) - lm.n_layers + 1, 0)]
    paired = [Pairs([torch.stack(way)], [wanted[:-1]]) for way in ways]
    return min(paired, key=lambda pairs: relative_difference(pairs.found[0], pairs.wanted[0]))


def _generated(lm: LanguageModel, prompts: Sequence[Prompt]) -> Pairs:
    """Answer in one batch, with whatever prefix is shared, states kept; and read each answer alone."""
    found: list[torch.Tensor] = []
    wanted: list[torch.Tensor] = []
    for batch in generate_answers(lm, prompts, BRIEFLY, (Site.RESIDUAL,)):
        assert isinstance(batch.states, TokenStates)
        kept = batch.states.states[Site.RESIDUAL].cpu()
        for n, answer in enumerate(batch.answers):
            found.append(kept[:, n, : 1 + len(answer.answer_ids)])
            wanted.append(_alone(lm, answer)[:, len(answer.prompt_ids) - 1 :])
    return Pairs(found, wanted)


def _left(lm: LanguageModel, prompts: Sequence[Prompt]) -> Pairs:
    """Answer with rows that are made to leave at different steps and others that join them; and read each alone."""
    limits = [1 + 4 * n % TOKENS for n in range(len(prompts))]
    shared = PrefixCache(lm).shared_by([p.prompt_ids for p in prompts]) if lm.window is None else NO_PREFIX
    decoder = Decoder(lm, shared, BRIEFLY, (Site.RESIDUAL,), joins_from=0)
    found, wanted = [], []
    for decoded in decoder.decode(prompts, [max(2, len(prompts) - 1)] * len(prompts), limits):
        assert decoded.states is not None
        kept = decoded.states.states[Site.RESIDUAL].cpu()
        for n, (place, row) in enumerate(zip(decoded.places, decoded.rows, strict=True)):
            prompt_ids = prompts[place].prompt_ids
            found.append(kept[:, n, : 1 + len(row.ids)])
            wanted.append(_states(lm, [(*prompt_ids, *row.ids)])[0][:, len(prompt_ids) - 1 :])
    return Pairs(found, wanted)


def _captured(lm: LanguageModel, prompts: Sequence[Prompt]) -> Pairs:
    """Answer, read the answers again in one batch at as many tokens as a run does; and read each answer alone."""
    answers = [answer for batch in generate_answers(lm, prompts, BRIEFLY) for answer in batch.answers]
    places = {
        a.key: np.array(
            [len(a.prompt_ids) - 1 + n % (1 + len(a.answer_ids)) for n in range(len(PAPER))], dtype=np.int32
        )
        for a in answers
    }
    shard = capture_states(lm, answers, LocatedPositions(PAPER, places), (Site.RESIDUAL,), CaptureSettings())
    found = [shard.states[Site.RESIDUAL][:, :, n] for n in range(len(answers))]
    return Pairs(found, [_alone(lm, a)[:, places[a.key]] for a in answers])


def _alone(lm: LanguageModel, answer: Answer) -> torch.Tensor:
    return _states(lm, [answer.prompt_ids + answer.answer_ids])[0]
