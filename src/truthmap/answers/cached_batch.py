"""Rows that go on from their cache: padded on the left; rows leave, and others join where the cache allows it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn.functional import pad

from truthmap.answers.token_recorder import PassRecorder
from truthmap.lm.accepted import cache_argument
from truthmap.lm.cache import can_be_joined, drop_columns, join_caches, select_cache_rows
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import select_rows
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import Prefix


class CachedBatch:
    """The rows that are still being decoded: their cache, their mask and the logits of their next token.

    Attributes:
        active: Which rows of the batch are still decoded.
        logits: float32 (active, vocabulary).
    """

    def __init__(self, lm: LanguageModel, prefix: Prefix, recorder: PassRecorder) -> None:
        self.active: list[int] = []
        self.logits = torch.empty(0)
        self._lm, self._prefix, self._recorder = lm, prefix, recorder
        self._columns: list[int] = []
        self._mask = torch.empty(0)
        self._cache: Any = None
        self._carried_as = cache_argument(lm.model) or "past_key_values"

    @property
    def takes_more(self) -> bool:
        """Whether rows may join while others are decoded."""
        return can_be_joined(self._cache)

    def admit(self, rows: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        """Read prompts, each different one once; their rows join the others."""
        if not self.active:
            self._begin(rows, prompts)
            return
        joining = CachedBatch(self._lm, self._prefix, self._recorder)
        joining._begin(rows, prompts)
        self._take_in(joining)

    def _begin(self, rows: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        unique = list(dict.fromkeys(prompts))
        own = [ids[self._prefix.length :] for ids in unique]
        longest = max(map(len, own))
        tokens = torch.zeros((len(own), longest), dtype=torch.long)
        self._mask = torch.ones((len(own), self._prefix.length + longest), dtype=torch.long)
        for n, ids in enumerate(own):
            tokens[n, longest - len(ids) :] = torch.tensor(ids)
            self._mask[n, self._prefix.length : self._prefix.length + longest - len(ids)] = 0
        self._mask = self._mask.to(self._lm.device)
        self._cache = self._prefix.cache_for(len(own))
        self._recorder.expect(rows[: len(own)], [0] * len(own))
        self._forward(tokens.to(self._lm.device), start=self._prefix.length, wants_logits=True)
        if len(unique) < len(prompts):
            origin = [unique.index(ids) for ids in prompts]
            places = torch.tensor(origin, device=self._lm.device)
            self._select(places)
            self.logits = self.logits[places]
            self._recorder.spread(rows, origin)
        self.active, self._columns = list(rows), [0] * len(rows)

    def _take_in(self, joining: CachedBatch) -> None:
        """Put the rows of another batch behind these, all of them as wide as the widest."""
        join_caches(self._cache, joining._cache)
        masks = [self._mask, joining._mask]
        width = max(mask.shape[1] for mask in masks)
        self._mask = torch.cat([pad(mask, (width - mask.shape[1], 0)) for mask in masks])
        self.logits = torch.cat([self.logits, joining.logits])
        self.active, self._columns = self.active + joining.active, self._columns + joining._columns

    def keep(self, places: Sequence[int]) -> None:
        """Let all rows but those at these places leave."""
        if len(places) < len(self.active):
            self._keep_rows(places)
            self.logits = self.logits[list(places)]

    def feed(self, tokens: torch.Tensor, going: Sequence[int]) -> None:
        """Read one more token in each active row: tokens int64 (active,).

        Then all rows leave but those at the places `going`. They alone pass the output head, which is a good part of a
        small model's work.
        """
        self._columns = [column + 1 for column in self._columns]
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self.active), 1))], dim=-1)
        start, leaving = self._mask.shape[1] - 1, len(going) < len(self.active)
        head = self._lm.model.get_output_embeddings() if leaving and going else None
        self._recorder.expect(self.active, self._columns)
        with select_rows(head, going) if head is not None else nullcontext():
            self._forward(tokens[:, None], start=start, wants_logits=bool(going))
        if leaving:
            self._keep_rows(going)
            if len(self.logits) > len(going):
                self.logits = self.logits[list(going)]

    def _keep_rows(self, places: Sequence[int]) -> None:
        self.active = [self.active[place] for place in places]
        self._columns = [self._columns[place] for place in places]
        if self.active:
            self._select(torch.tensor(places, device=self._lm.device))
            unseen = int(self._mask.any(dim=0).int().argmax())
            if unseen and self.takes_more:  # columns that only rows had that have left
                drop_columns(self._cache, unseen)
                self._mask = self._mask[:, unseen:]

    def _select(self, places: torch.Tensor) -> None:
        select_cache_rows(self._cache, places)
        self._mask = self._mask[places]

    def _forward(self, tokens: torch.Tensor, *, start: int, wants_logits: bool) -> None:
        lm = self._lm
        inputs: dict[str, Any] = {**forward_inputs(lm.model, tokens, self._mask, start), "use_cache": True}
        inputs[self._carried_as] = self._cache
        if wants_logits:
            output = lm.model(**inputs, **({"logits_to_keep": 1} if lm.keeps_logits else {}))
            self.logits = output.logits[:, -1].float()
        else:
            output = lm.model.base_model(**inputs)
        self._cache = output[self._carried_as]
