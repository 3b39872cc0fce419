"""Capturing the states of answers that are known already: one forward pass, right padding, no logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from truthmap.arrays import Ints, Ints32
from truthmap.capture.gather import require_finite
from truthmap.lm.accepted import carried
from truthmap.lm.batches import cut_into_batches
from truthmap.lm.cache import CacheUse
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.model import LanguageModel
from truthmap.lm.oom import halve_batches_on_oom
from truthmap.lm.prefix import NO_PREFIX, Prefix, PrefixCache
from truthmap.positions import MISSING, LocatedPositions
from truthmap.records import Answer, Site
from truthmap.store.shards import StateShard
from truthmap.store.tokens import TokenRanges


@dataclass(frozen=True)
class CaptureSettings:
    """How to capture.

    Attributes:
        batch_tokens: Tokens in one batch, padding included.
        share_prefix: Compute the part that all sequences share once.
    """

    batch_tokens: int = 8192
    share_prefix: bool = True


class StateCapture:
    """Captures the states of answers, shard after shard, with one model.

    Args:
        lm: The model that gave the answers.
        settings: Batch size.
        prefixes: The model's prefix cache, where others that run the model share it; by default the capture's own.
    """

    def __init__(
        self, lm: LanguageModel, settings: CaptureSettings | None = None, prefixes: PrefixCache | None = None
    ) -> None:
        self._lm = lm
        self._settings = settings or CaptureSettings()
        self._prefixes = prefixes or PrefixCache(lm)
        assert self._prefixes.lm is lm, "keys and values of another model"

    def capture(
        self,
        answers: Sequence[Answer],
        located: LocatedPositions,
        sites: tuple[Site, ...],
        on_progress: Callable[[int], None] | None = None,
    ) -> StateShard:
        """Read answers once more and keep the states at the positions of their rows.

        An answer is read once however many rows it has; answers that were not located are not read.

        Args:
            answers: Answers with ids, each once; their order is the result's, and an answer's rows stand side by side.
            located: Where each row has its positions.
            sites: What to read.
            on_progress: Called with how many answers are done so far.

        Raises:
            ModelError: a site does not exist, or a state is not finite.
        """
        rows = located.rows_of(a.key for a in answers)
        picked = _Picked(located.stacked(rows), np.array([row.answer for row in rows], dtype=np.int64))
        lm, prefix = self._lm, self._shared(answers, picked)
        kept: dict[Site, torch.Tensor] = {}
        done = 0

        def read(part: Sequence[int]) -> None:
            _read(lm, answers, picked, part, prefix, sites, kept)

        for part, _ in halve_batches_on_oom(_batches(picked, self._settings), read, lm.device, "answer being read"):
            done += len(part)
            if on_progress is not None:
                on_progress(done)
        present = (picked.ranges[..., 0] != MISSING).T
        shard = StateShard(tuple(row.key for row in rows), located.positions, present, kept)
        require_finite(shard)
        return shard

    def _shared(self, answers: Sequence[Answer], picked: _Picked) -> Prefix:
        longest = max((len(a.prompt_ids) + len(a.answer_ids) for a in answers), default=0)
        if not self._settings.share_prefix or self._lm.cache_use_at(longest) is CacheUse.NONE:
            return NO_PREFIX
        # What is shared is not read here: it ends before the first token that is picked.
        return self._prefixes.shared_by([a.prompt_ids[: picked.first + 1] for a in answers])


def capture_states(
    lm: LanguageModel,
    answers: Sequence[Answer],
    located: LocatedPositions,
    sites: tuple[Site, ...],
    settings: CaptureSettings,
    on_progress: Callable[[int], None] | None = None,
) -> StateShard:
    """Read answers once more and keep the states at their positions: see `StateCapture.capture`."""
    return StateCapture(lm, settings).capture(answers, located, sites, on_progress)


_NONE = np.iinfo(np.int32).max - 1


@dataclass(frozen=True)
class _Picked:
    """What is picked for n rows.

    Attributes:
        ranges: int32 (n, P, 2), `[start, end)` in prompt + answer ids, or `MISSING`.
        answer: int64 (n,), the place of each row's answer; it never falls.
    """

    ranges: Ints32
    answer: Ints

    @property
    def first(self) -> int:
        """The first token of a sequence that any row picks."""
        return int(np.where(self.ranges[..., 0] == MISSING, _NONE, self.ranges[..., 0]).min(initial=_NONE))

    def needed(self) -> tuple[Ints, Ints]:
        """Return the answers that have rows, and how many tokens must be read of each: int64 (k,) twice."""
        answers, first = np.unique(self.answer, return_index=True)
        # Nothing behind the last position needs to be read.
        end = np.maximum.reduceat(self.ranges[..., 1].max(axis=1), first) if len(first) else first
        return answers, np.maximum(end, 1).astype(np.int64)

    def of(self, part: Sequence[int]) -> tuple[Ints, Ints]:
        """Return the rows of these answers, and the place of each row's answer in `part`: int64 (k,) twice."""
        place = {answer: n for n, answer in enumerate(part)}
        rows = np.flatnonzero(np.isin(self.answer, part))
        return rows, np.array([place[answer] for answer in self.answer[rows].tolist()], dtype=np.int64)


def _batches(picked: _Picked, settings: CaptureSettings) -> Iterator[list[int]]:
    """Cut answers, the short ones first, into batches of at most `batch_tokens` tokens (at least one answer each)."""
    answers, needed = picked.needed()
    order = np.argsort(needed, kind="stable")
    for places in cut_into_batches(needed[order].tolist(), settings.batch_tokens):
        yield answers[order[places.start : places.stop]].tolist()


@torch.inference_mode()
def _read(
    lm: LanguageModel,
    answers: Sequence[Answer],
    picked: _Picked,
    part: Sequence[int],
    prefix: Prefix,
    sites: tuple[Site, ...],
    kept: dict[Site, torch.Tensor],
) -> None:
    """Read some answers in one forward pass and write their rows' states into `kept`: (L, P, n, d) for each site."""
    needed = dict(zip(*(each.tolist() for each in picked.needed()), strict=True))
    # An answer that has none of the positions is read too, as far as a pass needs any token.
    own = [
        (answers[n].prompt_ids + answers[n].answer_ids)[prefix.length : max(needed[n], prefix.length + 1)] for n in part
    ]
    longest = max(map(len, own))
    tokens = torch.zeros((len(part), longest), dtype=torch.long)
    mask = torch.zeros((len(part), prefix.length + longest), dtype=torch.long)
    for n, ids in enumerate(own):
        tokens[n, : len(ids)] = torch.tensor(ids)
        mask[n, : prefix.length + len(ids)] = 1
    rows, places = picked.of(part)
    ranges = TokenRanges.of(picked.ranges[rows], prefix.length)

    def look(site: Site, layer: int, states: torch.Tensor) -> None:
        if site not in kept:
            n, p, _ = picked.ranges.shape
            kept[site] = torch.zeros((lm.n_layers, p, n, states.shape[-1]), dtype=states.dtype)
        shaped = states.reshape(len(part), longest, states.shape[-1])
        kept[site][layer][:, rows] = ranges.pick(shaped, places.tolist())

    inputs = forward_inputs(lm.model, tokens.to(lm.device), mask.to(lm.device), prefix.length)
    with ExitStack() as hooks:
        for site in sites:
            hooks.enter_context(record_hidden_states(lm.blocks.at(site), partial(look, site)))
        cache = prefix.cache_for(len(part))
        lm.model.base_model(**inputs, **carried(lm.model, cache))
