"""The decoding loop of one batch: left padding, one token a step, rows leave when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.sampling import sample_tokens
from truthmap.answers.to_answer import ends_answer
from truthmap.lm.hooks import record_hidden_states, select_rows
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import Prefix, forward_inputs
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
    lm: LanguageModel, prompts: Sequence[Prompt], prefix: Prefix, settings: GenerateSettings, sites: tuple[Site, ...]
) -> Decoded:
    """Answer a batch of prompts.

    A row leaves the batch when it is done; with `sites` one step later, when the states of its last token are known.
    Samples of one prompt share its computation.
    """
    rows = tuple(DecodeRow() for _ in prompts)
    state = DecodeState(lm, prefix, sites, len(rows), 1 + settings.max_new_tokens)
    with state.recording():
        state.start([p.prompt_ids for p in prompts])
        for step in range(settings.max_new_tokens):
            asked = [prompts[n] for n in state.active]
            chosen, log_probs = sample_tokens(state.logits, asked, step, settings)
            for n, token, log_prob in zip(state.active, chosen.tolist(), log_probs.tolist(), strict=True):
                rows[n].finished = ends_answer(lm, rows[n].ids, token)
                rows[n].ids.append(token)
                rows[n].log_probs.append(log_prob)
            last = step == settings.max_new_tokens - 1
            going = [place for place, n in enumerate(state.active) if not (last or rows[n].finished)]
            if sites:
                state.feed(chosen, going)
            else:
                state.keep(going)
                if going:
                    state.feed(chosen[going], range(len(going)))
            if not state.active:
                break
    return Decoded(rows, state.states(prompts, rows) if sites else None)


class DecodeState:
    """The rows that are still being decoded: their cache, mask and newest logits; and the states seen so far.

    Buffers: for each site (L, n, columns, d), in the model's dtype and on its device; column 0 is the last prompt
    token, column t the t-th answer token.
    """

    def __init__(self, lm: LanguageModel, prefix: Prefix, sites: tuple[Site, ...], n: int, columns: int) -> None:
        self.active = list(range(n))
        self.logits = torch.empty(0)
        self._lm, self._prefix = lm, prefix
        self._mask = torch.empty(0)
        self._cache: Any = None
        self._recorded: dict[Site, torch.Tensor | None] = dict.fromkeys(sites)
        self._shape = (lm.n_layers, n, columns)
        self._column = 0
        self._rows_on: dict[torch.device, torch.Tensor] = {}

    def recording(self) -> ExitStack:
        """Install the hooks that keep the states; they go with the `with`."""
        hooks = ExitStack()
        for site in self._recorded:
            hooks.enter_context(record_hidden_states(self._lm.blocks.at(site), partial(self._record, site)))
        return hooks

    def start(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """Read the prompts: each different one once."""
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
        self._forward(tokens.to(self._lm.device), start=self._prefix.length, wants_logits=True)
        if origin is not None:
            places = torch.tensor(origin, device=self._lm.device)
            self._select(places)
            self.logits = self.logits[places]
            for recorded in self._recorded.values():
                if recorded is not None:
                    recorded[:, :, 0] = recorded[:, places.to(recorded.device), 0]

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
        with select_rows(head, going) if head is not None else nullcontext():
            self._forward(tokens[:, None], start=start, wants_logits=bool(going))
        if leaving:
            self._keep_rows(going)
            if len(self.logits) > len(going):
                self.logits = self.logits[list(going)]

    def states(self, prompts: Sequence[Prompt], rows: Sequence[DecodeRow]) -> TokenStates:
        """Return the states of all rows."""
        return TokenStates(
            ids=tuple(RowKey.of(p.question_id, p.sample) for p in prompts),
            prompt_lengths=tuple(len(p.prompt_ids) for p in prompts),
            answer_lengths=tuple(len(row.ids) for row in rows),
            states={site: recorded for site, recorded in self._recorded.items() if recorded is not None},
        )

    def _keep_rows(self, places: Sequence[int]) -> None:
        self.active = [self.active[place] for place in places]
        self._rows_on.clear()
        if self.active:
            self._select(torch.tensor(places, device=self._lm.device))

    def _select(self, places: torch.Tensor) -> None:
        self._cache.batch_select_indices(places)
        self._mask = self._mask[places]

    def _forward(self, tokens: torch.Tensor, *, start: int, wants_logits: bool) -> None:
        lm = self._lm
        inputs = {**forward_inputs(lm, tokens, self._mask, start), "past_key_values": self._cache, "use_cache": True}
        if wants_logits:
            output = lm.model(**inputs, **({"logits_to_keep": 1} if lm.keeps_logits else {}))
            self.logits = output.logits[:, -1].float()
        else:
            output = lm.model.base_model(**inputs)
        self._cache = output.past_key_values

    def _record(self, site: Site, layer: int, states: torch.Tensor) -> None:
        recorded = self._recorded[site]
        if recorded is None:
            recorded = states.new_zeros((*self._shape, states.shape[-1]))
            self._recorded[site] = recorded
        rows = len(self._mask)
        # Some families hand their projections (rows * tokens, width).
        newest = states.reshape(rows, -1, states.shape[-1])[:, -1].to(recorded.device)
        if self._column:
            if recorded.device not in self._rows_on:
                self._rows_on[recorded.device] = torch.tensor(self.active, device=recorded.device)
            recorded[layer, self._rows_on[recorded.device], self._column] = newest
        else:
            recorded[layer, :rows, 0] = newest
