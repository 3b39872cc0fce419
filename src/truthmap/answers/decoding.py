"""The decoding loop: one token a step, rows leave when they are done, and those that wait take their places."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from truthmap.answers.cached_batch import CachedBatch
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.rereading import RereadBatch
from truthmap.answers.sampling import sample_tokens
from truthmap.answers.thought_budget import ThoughtBudget
from truthmap.answers.to_answer import ends_answer
from truthmap.answers.token_recorder import PassRecorder, TokenRecorder
from truthmap.lm.cache import CacheUse
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import Prefix
from truthmap.records import RowKey, Site
from truthmap.store.tokens import TokenStates

_JOIN = 1 / 8
"""Share of a batch's rows that must be free before others join: each time, prompts are read and the cache is copied.
With a half or three quarters, less was gained where answers differ much in length (`benchmarks/long_answers.py`)."""
_LONG = 256
"""Tokens that answers may have from which on rows join others: a choice. Where answers are short, few steps are
saved, and prompts are read in smaller groups."""


@dataclass
class DecodeRow:
    """An answer while it grows; `finished`: the model closed it itself."""

    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    finished: bool = False


@dataclass(frozen=True)
class Decoded:
    """Prompts that are answered, each with its row, and the states of the rows' tokens if sites were asked for.

    Attributes:
        places: Which of the prompts they are.
        rows: A row for each.
        states: In the same order.
    """

    places: tuple[int, ...]
    rows: tuple[DecodeRow, ...]
    states: TokenStates | None


class DecodingBatch(Protocol):
    """Rows that are being decoded.

    Attributes:
        active: Which rows of the batch are still decoded.
        logits: float32 (active, vocabulary) of each one's next token.
    """

    active: list[int]
    logits: torch.Tensor

    @property
    def takes_more(self) -> bool:
        """Whether rows may join while others are decoded; an empty batch takes rows always."""

    def admit(self, rows: Sequence[int], prompts: Sequence[tuple[int, ...]]) -> None:
        """Read prompts, whose rows join the others."""

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


class Decoder:
    """Answers prompts with a model, several at a time.

    Args:
        lm: The model.
        prefix: What all prompts begin with, computed already; none for a model that cannot go on from one.
        settings: How to answer.
        sites: Keep the states of the last prompt token and of every answer token at these sites.
        joins_from: Rows join others where answers may have at least so many tokens.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prefix: Prefix,
        settings: GenerateSettings,
        sites: tuple[Site, ...],
        joins_from: int = _LONG,
    ) -> None:
        self._lm, self._prefix, self.settings, self._sites = lm, prefix, settings, sites
        self._joins_from = joins_from

    @torch.inference_mode()
    def decode(
        self, prompts: Sequence[Prompt], most: Sequence[int], limits: Sequence[int] | None = None
    ) -> Iterator[Decoded]:
        """Answer prompts, in their order.

        A row leaves when it is done; with sites one step later, when the states of its last token are known. Where
        enough have left, answers may be long and the cache allows it, those that wait take their places; else they wait
        until all have left.
        Samples of one prompt that begin together share its computation.

        Args:
            prompts: What to answer.
            most: For each, with how many rows in all, its own included, it may be decoded: at least 1.
            limits: Most tokens of each answer; by default `max_new_tokens` for all.

        Yields:
            Answered prompts, whenever their places are taken by others, and at the end.
        """
        limits = limits or [self.settings.max_new_tokens] * len(prompts)
        n = min(max(most), len(prompts))
        recorder = TokenRecorder(self._lm, self._sites, n, 1 + max(limits))
        longest = max(len(p.prompt_ids) + limit for p, limit in zip(prompts, limits, strict=True))
        work = _Work(self._lm, self.settings, prompts, limits, n)
        batch = decoding_batch(self._lm, self._prefix, recorder, longest)
        while work.waiting or batch.active:
            with recorder.recording():  # not while whoever asks works on what is yielded, and maybe runs the model
                self._decode_until_some_join(work, batch, most)
            yield self._decoded(work, recorder, reused=bool(work.waiting))

    def _decode_until_some_join(self, work: _Work, batch: DecodingBatch, most: Sequence[int]) -> None:
        """Decode until rows are needed of answers that have ended, or all are answered."""
        while work.waiting or batch.active:
            joining = work.joining(most, batch, self._joins_from)
            if joining and work.ended:
                return
            if joining:
                batch.admit(work.give_rows(joining), [work.prompts[place].prompt_ids for place in joining])
            self._step(work, batch)

    def _step(self, work: _Work, batch: DecodingBatch) -> None:
        """Choose each row's next token, and read it where that is of use."""
        chosen, going = work.choose(batch)
        if self._sites:
            batch.feed(chosen, going)
        else:
            batch.keep(going)
            if going:
                batch.feed(chosen[going], range(len(going)))

    def _decoded(self, work: _Work, recorder: TokenRecorder, *, reused: bool) -> Decoded:
        """Take out what is answered; the rows may be used again."""
        rows, places = work.take_ended()
        answered = tuple(work.answers[place] for place in places)
        if not self._sites:
            return Decoded(places, answered, None)
        prompts = [work.prompts[place] for place in places]
        states = TokenStates(
            ids=tuple(RowKey.of(p.question_id, p.sample) for p in prompts),
            prompt_lengths=tuple(len(p.prompt_ids) for p in prompts),
            answer_lengths=tuple(len(row.ids) for row in answered),
            states=recorder.of(rows, copied=reused),
        )
        return Decoded(places, answered, states)


class _Work:
    """Prompts on their way: which wait, which row of the batch each has, and what was said so far."""

    def __init__(
        self,
        lm: LanguageModel,
        settings: GenerateSettings,
        prompts: Sequence[Prompt],
        limits: Sequence[int],
        n_rows: int,
    ) -> None:
        self.prompts = prompts
        self.waiting = deque(range(len(prompts)))
        self.answers = [DecodeRow() for _ in prompts]
        self.ended: list[int] = []
        self._lm, self.settings, self._limits = lm, settings, limits
        self._budget = ThoughtBudget(lm, [p.prompt_ids for p in prompts], [settings.max_thinking_tokens] * len(prompts))
        self._free = list(range(n_rows))
        self._place_of: dict[int, int] = {}

    def joining(self, most: Sequence[int], batch: DecodingBatch, joins_from: int) -> list[int]:
        """Return the places of the prompts that begin now."""
        if not self.waiting or (batch.active and not (max(self._limits) >= joins_from and batch.takes_more)):
            return []
        free = len(self._free) + len(self.ended)
        found: list[int] = []
        for place in self.waiting:
            if len(found) == free or len(batch.active) + len(found) >= most[place]:
                break
            found.append(place)
        enough = min(len(self.waiting), math.ceil(_JOIN * most[self.waiting[0]]))
        return found if not batch.active or len(found) >= enough else []

    def give_rows(self, places: Sequence[int]) -> list[int]:
        """Give prompts that begin a row of the batch each."""
        rows = [self._free.pop(0) for _ in places]
        self._place_of.update(zip(rows, places, strict=True))
        for _ in places:
            self.waiting.popleft()
        return rows

    def take_ended(self) -> tuple[list[int], tuple[int, ...]]:
        """Return the rows that have ended and which prompts they had; the rows are free again."""
        rows = sorted(self.ended, key=self._place_of.__getitem__)
        self.ended = []
        self._free = sorted([*self._free, *rows])
        return rows, tuple(self._place_of.pop(row) for row in rows)

    def choose(self, batch: DecodingBatch) -> tuple[torch.Tensor, list[int]]:
        """Choose the next token of each active row; return them, int64 (active,), and the places of rows that go on."""
        places = [self._place_of[row] for row in batch.active]
        answers = [self.answers[place] for place in places]
        steps = [len(answer.ids) for answer in answers]
        chosen, log_probs = sample_tokens(batch.logits, [self.prompts[p] for p in places], steps, self.settings)
        self._budget.choose(places, batch.logits, chosen, log_probs)
        going = []
        for n, (token, log_prob) in enumerate(zip(chosen.tolist(), log_probs.tolist(), strict=True)):
            answer = answers[n]
            answer.finished = ends_answer(self._lm, answer.ids, token)
            answer.ids.append(token)
            answer.log_probs.append(log_prob)
            if answer.finished or len(answer.ids) >= self._limits[places[n]]:
                self.ended.append(batch.active[n])
            else:
                going.append(n)
        return chosen, going
