"""The decoding loop of one batch: left padding, one token a step, rows leave when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.rereading import RereadBatch
from truthmap.answers.sampling import sample_tokens
from truthmap.answers.thought_budget import ThoughtBudget
from truthmap.answers.to_answer import ends_answer
from truthmap.answers.token_recorder import PassRecorder, TokenRecorder
from truthmap.lm.cache import CacheUse, cache_argument, select_cache_rows
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import select_rows
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import Prefix
from truthmap.records import RowKey, Site
from truthmap.store.tokens import TokenStates


@dataclass
class DecodeRow:
    """An answer while it grows; `finished`: the model closed it itself."""

    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    finished: bool = False


@dataclass(frozen=True)
class Decoded:
    """A decoded batch: a row per prompt, and the states of its tokens if sites were asked for."""

    rows: tuple[DecodeRow, ...]
    states: TokenStates | None


@torch.inference_mode()
def decode_batch(
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    prefix: Prefix,
    settings: GenerateSettings,
    sites: tuple[Site, ...],
    limits: Sequence[int] | None = None,
) -> Decoded:
    """Answer a batch of prompts.

    A row leaves the batch when it is done; with `sites` one step later, when the states of its last token are known.
    Samples of one prompt share its computation.

    Args:
        lm: The model.
        prompts: What to answer.
        prefix: What all prompts begin with, computed already; none for a model that cannot go on from one.
        settings: How to answer.
        sites: Keep the states of the last prompt token and of every answer token at these sites.
        limits: Most tokens of each row's answer; by default `max_new_tokens` for all.
    """
    limits = limits or [settings.max_new_tokens] * len(prompts)
    rows = tuple(DecodeRow() for _ in prompts)
    recorder = TokenRecorder(lm, sites, len(rows), 1 + max(limits))
    longest = max(len(p.prompt_ids) + limit for p, limit in zip(prompts, limits, strict=True))
    batch = decoding_batch(lm, prefix, recorder, longest)
    budget = ThoughtBudget(lm, [p.prompt_ids for p in prompts], [settings.max_thinking_tokens] * len(prompts))
    with recorder.recording():
        batch.start([p.prompt_ids for p in prompts])
        for step in range(max(limits)):
            asked = [prompts[n] for n in batch.active]
            chosen, log_probs = sample_tokens(batch.logits, asked, step, settings)
            budget.choose(batch.active, batch.logits, chosen, log_probs)
            for n, token, log_prob in zip(batch.active, chosen.tolist(), log_probs.tolist(), strict=True):
                rows[n].finished = ends_answer(lm, rows[n].ids, token)
                rows[n].ids.append(token)
                rows[n].log_probs.append(log_prob)
            going = [place for place, n in enumerate(batch.active) if not (rows[n].finished or step + 1 >= limits[n])]
            if sites:
                batch.feed(chosen, going)
            else:
                batch.keep(going)
                if going:
                    batch.feed(chosen[going], range(len(going)))
            if not batch.active:
                break
    return Decoded(rows, _states(prompts, rows, recorder) if sites else None)


def _states(prompts: Sequence[Prompt], rows: Sequence[DecodeRow], recorder: TokenRecorder) -> TokenStates:
    return TokenStates(
        ids=tuple(RowKey.of(p.question_id, p.sample) for p in prompts),
        prompt_lengths=tuple(len(p.prompt_ids) for p in prompts),
        answer_lengths=tuple(len(row.ids) for row in rows),
        states=recorder.states,
    )


class DecodingBatch(Protocol):
    """Rows that are being decoded.

    Attributes:
        active: Which rows of the batch are still decoded.
        logits: float32 (active, vocabulary) of each one's next token.
    """

    active: list[int]
    logits: torch.Tensor

    def start(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """Read the prompts."""

    def keep(self, places: Sequence[int]) -> None:
        """Let all rows but those at these places leave."""

    def feed(self, tokens: torch.Tensor, going: Sequence[int]) -> None:
        """Read one more token in each active row, int64 (active,); then all leave but those at the places `going`."""


def decoding_batch(lm: LanguageModel, prefix: Prefix, recorder: PassRecorder, longest: int) -> DecodingBatch:
    """Return an empty batch that is decoded in the way that the model bears: see `CacheUse`.

    Args:
        lm: The model.
        prefix: What all prompts begin with.
        recorder: Whoever keeps states.
        longest: Tokens that a row can have, prompt and answer.
    """
    if lm.cache_use_at(longest) is CacheUse.NONE:
        return RereadBatch(lm, recorder)
    return CachedBatch(lm, prefix, recorder)


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
        self._mask = torch.empty(0)
        self._cache: Any = None
        self._carried_as = cache_argument(lm.model) or "past_key_values"
        self._column = 0

    def start(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """Read the prompts: each different one once."""
        self.active = list(range(len(prompts)))
        unique = list(dict.fromkeys(prompts))
        origin = [unique.index(p) for p in prompts] if len(unique) < len(prompts) else None
        own = [ids[self._prefix.length :] for ids in unique]
        longest = max(map(len, own))
        tokens = torch.zeros((len(own), longest), dtype=torch.long)
        self._mask = torch.ones((len(own), self._prefix.length + longest), dtype=torch.long)
        for n, ids in enumerate(own):
            tokens[n, longest - len(ids) :] = torch.tensor(ids)
            self._mask[n, self._prefix.length : self._prefix.length + longest - len(ids)] = 0
        self._mask = self._mask.to(self._lm.device)
        self._cache = self._prefix.cache_for(len(own))
        self._recorder.expect(range(len(own)), 0)
        self._forward(tokens.to(self._lm.device), start=self._prefix.length, wants_logits=True)
        if origin is not None:
            places = torch.tensor(origin, device=self._lm.device)
            self._select(places)
            self.logits = self.logits[places]
            self._recorder.spread(places)

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
        self._column += 1
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self.active), 1))], dim=-1)
        start, leaving = self._mask.shape[1] - 1, len(going) < len(self.active)
        head = self._lm.model.get_output_embeddings() if leaving and going else None
        self._recorder.expect(self.active, self._column)
        with select_rows(head, going) if head is not None else nullcontext():
            self._forward(tokens[:, None], start=start, wants_logits=bool(going))
        if leaving:
            self._keep_rows(going)
            if len(self.logits) > len(going):
                self.logits = self.logits[list(going)]

    def _keep_rows(self, places: Sequence[int]) -> None:
        self.active = [self.active[place] for place in places]
        if self.active:
            self._select(torch.tensor(places, device=self._lm.device))

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
