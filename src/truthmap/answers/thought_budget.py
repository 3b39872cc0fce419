"""Closing a thought that is too long, while it is decoded: budget forcing (Muennighoff et al., arXiv 2501.19393)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

import torch

from truthmap.lm.model import LanguageModel
from truthmap.thought_formats import TagPair

_TAIL = 24
"""Newest tokens among which a tag is looked for: the longest has fewer, however it is spelled."""


class ThoughtWatch:
    """Watches one answer while it grows: whether it thinks, since when, and what closes its thought.

    Attributes:
        pair: The tags of the thought that is open; `None`: none is.
        n_tokens: Tokens of its thoughts so far, tags included.
    """

    def __init__(self, lm: LanguageModel, prompt_ids: Sequence[int]) -> None:
        self._lm = lm
        end = lm.thought_tags.prompt_end(prompt_ids)
        self.pair: TagPair | None = end.inside
        self.n_tokens = 0
        self._since: list[int] = []
        self._forced: deque[int] = deque()

    def take(self, token: int) -> None:
        """Take in a token of the answer."""
        self.n_tokens += self.pair is not None
        self._since.append(token)
        tail = self._lm.thought_tags.written_out(self._since[-_TAIL:])
        if self.pair is not None:
            closed = self.pair.closing_tag.search(tail)
            self._turn(None if closed else self.pair)
        else:
            pairs = self._lm.thought_tags.tokens.formats.pairs
            self._turn(next((p for p in pairs if not p.bare and re.search(rf"(?:{p.opening})\Z", tail)), None))

    def close(self) -> None:
        """Close the thought that is open: its closing tag is what comes next."""
        if self.pair is not None and not self._forced:
            # The end of a line would end an answer to a plain prompt.
            closes = self.pair.shown[1] if self._lm.line_ids else self.pair.closes
            self._forced.extend(self._lm.thought_tags.ids_of(closes))

    @property
    def is_closing(self) -> bool:
        """Whether tokens are left that close the thought."""
        return bool(self._forced)

    def next_forced(self) -> int | None:
        """Return the token that must come next, or `None`: any may."""
        return self._forced.popleft() if self._forced else None

    def _turn(self, pair: TagPair | None) -> None:
        if pair is not self.pair:
            self.pair, self._since = pair, []


class ThoughtBudget:
    """Closes the thoughts of a batch that are longer than they may be, or with which an answer would end.

    Args:
        lm: The model.
        prompts: Token ids of each row's prompt.
        limits: Most tokens of each row's thoughts; `None`: as many as it likes.
        enough: Asked before every token of a row whether its thought is to be closed now; none: no row is asked.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prompts: Sequence[Sequence[int]],
        limits: Sequence[int | None],
        enough: Sequence[Callable[[], bool] | None] = (),
    ) -> None:
        self._lm, self._limits = lm, limits
        self._enough = enough or [None] * len(prompts)
        self.watches = [
            None if limit is None and asks is None else ThoughtWatch(lm, ids)
            for ids, limit, asks in zip(prompts, limits, self._enough, strict=True)
        ]

    def choose(self, rows: Sequence[int], logits: torch.Tensor, ids: torch.Tensor, log_probs: torch.Tensor) -> None:
        """Put what closes a thought in the place of what was chosen, and take all of it in.

        Args:
            rows: Which rows of the batch are decoded.
            logits: float32 (rows, vocabulary).
            ids: int64 (rows,) chosen tokens; changed in place.
            log_probs: float32 (rows,) of them; changed in place, to those of the tokens that were put there.
        """
        for place, row in enumerate(rows):
            watch = self.watches[row]
            if watch is None:
                continue
            if watch.pair is not None and self._must_close(watch, row, int(ids[place])):
                watch.close()
            forced = watch.next_forced()
            if forced is not None:
                ids[place] = forced
                log_probs[place] = torch.log_softmax(logits[place], dim=-1)[forced]
            watch.take(int(ids[place]))

    def _must_close(self, watch: ThoughtWatch, row: int, chosen: int) -> bool:
        """Tell whether an open thought must be closed before a token that was chosen."""
        limit, asks = self._limits[row], self._enough[row]
        ends = chosen in self._lm.stop_ids or chosen in self._lm.line_ids
        return ends or (limit is not None and watch.n_tokens >= limit) or (asks is not None and asks())
