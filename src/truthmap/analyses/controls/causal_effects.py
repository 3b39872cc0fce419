"""What a model says when one of its states is moved: many changes of one token, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit

from truthmap.arrays import Bools, Floats
from truthmap.lm.accepted import carried
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.interventions import Ablation, Shift, edit_hidden_states
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import PrefixCache
from truthmap.probes.linear import LinearProbe
from truthmap.records import Site, Span

_MOST_LOGITS = 1 << 26
"""Numbers in one batch's logits: 256 MB as float32."""
REST = 6
"""Tokens behind the exact answer that are read for side effects."""


@dataclass(frozen=True)
class MovedPlace:
    """The token whose state is moved, and what comes after it.

    Attributes:
        ids: Prompt and answer ids.
        token: The index of the token whose state is moved.
        exact: The exact answer's tokens, as indices into `ids`.
        first: The index of the first token, where several are moved (a mean of states is, if each of them is); `None`:
            it is the only one.
    """

    ids: tuple[int, ...]
    token: int
    exact: Span
    first: int | None = None

    @property
    def moved(self) -> Span:
        """The tokens whose states are moved."""
        return Span(self.token if self.first is None else self.first, self.token + 1)


@dataclass(frozen=True)
class Changes:
    """E changes of a state; where a row is zero, that change does nothing.

    Attributes:
        shifts: float (E, d), what is added.
        ablated: float (E, d), the direction that is taken out.
        centre: float (d,), the share of a state that is put in its place.
    """

    shifts: torch.Tensor
    ablated: torch.Tensor
    centre: torch.Tensor

    def __len__(self) -> int:
        return len(self.shifts)

    def rows(self, some: slice) -> Changes:
        """Return some of them."""
        return Changes(self.shifts[some], self.ablated[some], self.centre)


@dataclass(frozen=True)
class Effects:
    """What E changes did to n answers.

    Attributes:
        answer: float64 (n, E), log-probability of the exact answer's tokens that come after the moved one, in nats; NaN
            where none does.
        given: bool (n, E), each of those tokens is the likeliest at its place: greedy decoding gives the answer.
        rest: float64 (n, E), mean log-probability of the tokens behind the exact answer; NaN where there are none.
        right: float64 (n, E), P(right) as the probes of the later layers read it at the same place, on average; NaN
            without such probes.
    """

    answer: Floats
    given: Bools
    rest: Floats
    right: Floats


@torch.inference_mode()
def effects_of(
    lm: LanguageModel,
    places: Sequence[MovedPlace],
    where: tuple[Site, int],
    changes: Changes,
    later: Mapping[int, LinearProbe],
    batch_tokens: int = 8192,
) -> list[Effects]:
    """Move the state at one place in every way, for each answer, and read on to a little behind its exact answer.

    The answer's tokens stay those that were given, so a log-probability is that of the same words.

    Args:
        lm: The model.
        places: The answers.
        where: Site and layer at which the state is moved.
        changes: What is done to it.
        later: Probes of later layers at the same site and token.
        batch_tokens: Tokens in one batch.

    Returns:
        For each answer its effects: n is 1.
    """
    prefixes = PrefixCache(lm)
    found = []
    for place in places:
        end = min(len(place.ids), place.exact.end + REST)
        # Twice the same sequence shares all but its last token, which is the first that is moved.
        prefix = prefixes.shared_by([place.ids[: place.moved.start + 1]] * 2)
        tokens = place.ids[prefix.length : end]
        vocabulary = int(lm.model.config.get_text_config().vocab_size)
        most = max(1, min(batch_tokens // end, _MOST_LOGITS // (len(tokens) * vocabulary)))
        parts = []
        for start in range(0, len(changes), most):
            some = changes.rows(slice(start, start + most))
            parts.append(_one_pass(lm, place, end, where, some, later, prefix.length, prefix.cache_for(len(some))))
        found.append(Effects(*(np.concatenate(each)[None] for each in zip(*parts, strict=True))))
    return found


def _one_pass(
    lm: LanguageModel,
    place: MovedPlace,
    end: int,
    where: tuple[Site, int],
    changes: Changes,
    later: Mapping[int, LinearProbe],
    start: int,
    cache: object,
) -> tuple[Floats, Bools, Floats, Floats]:
    """Return answer, given, rest and right, (E,) each, of one batch of changes."""
    points, layer = lm.blocks.at(where[0]), where[1]
    tokens = torch.tensor([place.ids[start:end]], device=lm.device).repeat(len(changes), 1)
    mask = torch.ones((len(changes), end), dtype=torch.long, device=lm.device)
    moved = torch.zeros(tokens.shape, dtype=torch.bool)
    here = slice(place.moved.start - start, place.moved.end - start)
    moved[:, here] = True
    scores: list[Floats] = []

    def look(layer: int, states: torch.Tensor) -> None:
        if layer in later:
            at = states.reshape(*tokens.shape, -1)[:, here].float().mean(dim=1)
            scores.append(later[layer].score(at.double().cpu().numpy()))

    with ExitStack() as hooks:
        hooks.enter_context(edit_hidden_states(points[layer], Ablation(changes.ablated, changes.centre), moved))
        hooks.enter_context(edit_hidden_states(points[layer], Shift(changes.shifts), moved))
        hooks.enter_context(record_hidden_states(points, look))
        inputs = forward_inputs(lm.model, tokens, mask, start)
        output = lm.model(**inputs, **carried(lm.model, cache))
    log_probs = torch.log_softmax(output.logits[:, :-1].float(), dim=-1)
    chosen = log_probs.gather(-1, tokens[:, 1:, None])[..., 0].double().cpu().numpy()
    likeliest = (log_probs.argmax(dim=-1) == tokens[:, 1:]).cpu().numpy()
    # What the token at a place is predicted from stands one before it.
    first = max(place.exact.start, place.token + 1)
    answer = slice(first - start - 1, place.exact.end - start - 1)
    rest = slice(max(place.exact.end, place.token + 1) - start - 1, end - start - 1)
    nothing = np.full(len(changes), np.nan)
    return (
        np.asarray(chosen[:, answer].sum(axis=1)) if first < place.exact.end else nothing,
        np.asarray(likeliest[:, answer].all(axis=1)),
        np.asarray(chosen[:, rest].mean(axis=1)) if rest.start < rest.stop else nothing,
        np.asarray(expit(np.stack(scores)).mean(axis=0)) if scores else nothing,
    )
