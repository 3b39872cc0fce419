"""Capturing the states of answers that are known already: one forward pass, right padding, no logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from truthmap.capture.gather import require_finite
from truthmap.lm.batches import cut_into_batches
from truthmap.lm.hooks import watched
from truthmap.lm.model import LanguageModel
from truthmap.lm.oom import HalvedBatches
from truthmap.lm.prefix import NO_PREFIX, Prefix, forward_inputs, shared_prefix
from truthmap.positions import MISSING, LocatedPositions
from truthmap.records import Answer, Site
from truthmap.store.shards import StateShard


@dataclass(frozen=True)
class CaptureSettings:
    """How to capture.

    Attributes:
        batch_tokens: Tokens in one batch, padding included.
        share_prefix: Compute the part that all sequences share once.
    """

    batch_tokens: int = 8192
    share_prefix: bool = True


def capture_states(
    lm: LanguageModel,
    answers: Sequence[Answer],
    located: LocatedPositions,
    sites: tuple[Site, ...],
    settings: CaptureSettings,
    on_progress: Callable[[int], None] | None = None,
) -> StateShard:
    """Read answers once more and keep the states at their positions.

    Args:
        lm: The model that gave the answers.
        answers: Answers with ids; their order is the result's.
        located: Where each answer has its positions.
        sites: What to read.
        settings: Batch size.
        on_progress: Called with how many answers are done so far.

    Raises:
        ModelError: a site does not exist, or a state is not finite.
    """
    prefix = _prefix_for(lm, answers, settings)
    index = np.stack([located.index[a.question_id] for a in answers])
    kept: dict[Site, torch.Tensor] = {}
    done = 0
    batches = HalvedBatches(lm.device, "answer being read")
    for rows in _batches(index, settings):
        for part, _ in batches.work(rows, lambda part: _read(lm, answers, index, part, prefix, sites, kept)):
            done += len(part)
            if on_progress is not None:
                on_progress(done)
    ids = tuple(a.question_id for a in answers)
    shard = StateShard(ids, located.positions, (index != MISSING).T, kept)
    require_finite(shard)
    return shard


def _prefix_for(lm: LanguageModel, answers: Sequence[Answer], settings: CaptureSettings) -> Prefix:
    if not settings.share_prefix or len(answers) < 2:
        return NO_PREFIX
    # Nothing before the last prompt token is ever read, so prompts without that token are what may be shared.
    return shared_prefix(lm, [a.prompt_ids for a in answers])


def _batches(index: np.ndarray, settings: CaptureSettings) -> Iterator[list[int]]:
    """Cut rows, the short ones first, into batches of at most `batch_tokens` tokens (at least one row each)."""
    needed = index.max(axis=1) + 1
    order = np.argsort(needed, kind="stable")
    for places in cut_into_batches(needed[order].tolist(), settings.batch_tokens):
        yield order[places.start : places.stop].tolist()


@torch.inference_mode()
def _read(
    lm: LanguageModel,
    answers: Sequence[Answer],
    index: np.ndarray,
    rows: Sequence[int],
    prefix: Prefix,
    sites: tuple[Site, ...],
    kept: dict[Site, torch.Tensor],
) -> None:
    """Read some answers in one forward pass and write their states into `kept`: (L, P, n, d) for each site."""
    # Nothing behind the last position needs to be read.
    own = [(answers[n].prompt_ids + answers[n].answer_ids)[prefix.length : index[n].max() + 1] for n in rows]
    longest = max(map(len, own))
    tokens = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), prefix.length + longest), dtype=torch.long)
    for n, ids in enumerate(own):
        tokens[n, : len(ids)] = torch.tensor(ids)
        mask[n, : prefix.length + len(ids)] = 1
    present = torch.from_numpy(index[rows] != MISSING)
    columns = torch.from_numpy(np.where(index[rows] != MISSING, index[rows] - prefix.length, 0).astype(np.int64))
    batch = torch.arange(len(rows))[:, None]

    def look(site: Site, layer: int, states: torch.Tensor) -> None:
        if site not in kept:
            shape = (lm.n_layers, index.shape[1], len(answers), states.shape[-1])
            kept[site] = torch.zeros(shape, dtype=states.dtype)
        shaped = states.reshape(len(rows), longest, states.shape[-1])
        picked = shaped[batch.to(states.device), columns.to(states.device)].cpu()  # (rows, P, d)
        kept[site][layer][:, rows] = picked.mul_(present[:, :, None]).transpose(0, 1)

    inputs = forward_inputs(lm, tokens.to(lm.device), mask.to(lm.device), prefix.length)
    with ExitStack() as hooks:
        for site in sites:
            hooks.enter_context(watched(lm.blocks.at(site), partial(look, site)))
        cache = prefix.cache_for(len(rows))
        lm.model.base_model(**inputs, past_key_values=cache, use_cache=cache is not None)
