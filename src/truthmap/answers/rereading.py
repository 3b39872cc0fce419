"""Decoding without a cache: every step reads each row from its start again, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from truthmap.answers.token_recorder import PassRecorder
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.model import LanguageModel


class RereadBatch:
    """The rows that are still being decoded by a model whose cache cannot be used.

    Nothing behind a token changes its state in a decoder, so padding on the right is right for every one of them.

    Attributes:
        active: Which rows of the batch are still decoded.
        logits: float32 (active, vocabulary) of each row's next token.
        takes_more: Rows may join while others are decoded.
    """

    def __init__(self, lm: LanguageModel, recorder: PassRecorder) -> None:
        self.active: list[int] = []
        self.logits = torch.empty(0)
        self._lm, self._recorder = lm, recorder
        self._ids: list[list[int]] = []
        self._columns: list[int] = []
        self.takes_more = True

    def admit(self, rows: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        """Read prompts, whose rows join the others."""
        active, ids, columns, logits = self.active, self._ids, self._columns, self.logits
        self.active, self._ids, self._columns = list(rows), [list(each) for each in prompts], [0] * len(prompts)
        self._read(wants_logits=True)
        if active:
            self.active, self._ids, self._columns = active + self.active, ids + self._ids, columns + self._columns
            self.logits = torch.cat([logits, self.logits])

    def keep(self, places: Sequence[int]) -> None:
        """Let all rows but those at these places leave."""
        self.active = [self.active[place] for place in places]
        self._ids = [self._ids[place] for place in places]
        self._columns = [self._columns[place] for place in places]
        self.logits = self.logits[list(places)]

    def feed(self, tokens: torch.Tensor, going: Sequence[int]) -> None:
        """Read one more token in each active row, int64 (active,); then all leave but those at the places `going`."""
        for ids, token in zip(self._ids, tokens.tolist(), strict=True):
            ids.append(token)
        self._columns = [column + 1 for column in self._columns]
        self._read(wants_logits=bool(going))
        self.keep(going)

    def _read(self, *, wants_logits: bool) -> None:
        lm, longest = self._lm, max(map(len, self._ids))
        tokens, mask = torch.zeros((2, len(self._ids), longest), dtype=torch.long)
        for n, ids in enumerate(self._ids):
            tokens[n, : len(ids)], mask[n, : len(ids)] = torch.tensor(ids), 1
        rows, last = torch.arange(len(self._ids)), mask.sum(-1) - 1

        def newest(states: torch.Tensor) -> torch.Tensor:
            return states[rows.to(states.device), last.to(states.device)]

        self._recorder.expect(self.active, self._columns, newest)
        inputs = forward_inputs(lm.model, tokens.to(lm.device), mask.to(lm.device))
        if wants_logits:
            self.logits = newest(lm.model(**inputs, use_cache=False).logits).float()
        else:
            lm.model.base_model(**inputs, use_cache=False)
