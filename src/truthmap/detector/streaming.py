"""Decoding that hands out each token with its hidden states at the layers a detector reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from truthmap.answers.decoding import DecodingBatch, decoding_batch
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.sampling import sample_tokens
from truthmap.answers.thought_budget import ThoughtBudget
from truthmap.answers.token_recorder import Newest, last_token
from truthmap.arrays import AnyArray, Floats32
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import NO_PREFIX
from truthmap.records import Site


@dataclass(frozen=True)
class StateSpec:
    """Which hidden states of each token are kept: those of a site at a few layers, in this order."""

    site: Site
    layers: tuple[int, ...]


@dataclass(frozen=True)
class GenerationRequest:
    """A prompt and how to answer it.

    Attributes:
        prompt: The prompt; its ids name the draws where tokens are drawn.
        settings: Length limit, temperature, top_p and seed.
        should_stop: Called before every token; the answer ends where it returns true.
        thought_enough: Called before every token of a thought, which is closed where it returns true; `None`: it is
            left alone.
    """

    prompt: Prompt
    settings: GenerateSettings
    should_stop: Callable[[], bool] = field(default=lambda: False)
    thought_enough: Callable[[], bool] | None = None


@dataclass(frozen=True)
class DecodedToken:
    """One token of one answer, or the end of its prompt.

    Attributes:
        row: Which request it belongs to.
        token: Its id; `None`: the prompt was read, and the states are those of its last token.
        log_prob: Natural log-probability of the token when it was chosen.
        states: float32 (layers, d), after the token was read; empty (0, 0) where the spec has no layers. Or what
            `projections_of` a detector give of them, float64 (numbers,).
        last: The answer ends here.
        closed: The model closed the answer itself.
    """

    row: int
    token: int | None
    log_prob: float
    states: AnyArray
    last: bool
    closed: bool


@torch.inference_mode()
def stream_decode(lm: LanguageModel, requests: Sequence[GenerationRequest], spec: StateSpec) -> Iterator[DecodedToken]:
    """Answer prompts in one batch, token by token; a row leaves the batch when it is done.

    A token's states are known when it has been read, so that each comes one forward pass after it was chosen.

    Raises:
        ModelError: the model has no such site.
    """
    recorder = StateRecorder(len(spec.layers))
    hook_points = lm.blocks.at(spec.site) if spec.layers else ()
    answers = [_DecodedAnswer() for _ in requests]
    longest = max(len(r.prompt.prompt_ids) + r.settings.max_new_tokens for r in requests)
    running = decoding_batch(lm, NO_PREFIX, recorder, longest)
    budget = ThoughtBudget(
        lm,
        [r.prompt.prompt_ids for r in requests],
        [r.settings.max_thinking_tokens for r in requests],
        [r.thought_enough for r in requests],
    )
    with record_hidden_states([hook_points[layer] for layer in spec.layers], recorder.feed):
        running.admit(range(len(requests)), [request.prompt.prompt_ids for request in requests])
        for row, states in enumerate(recorder.states()):
            yield DecodedToken(row, None, 0.0, states, last=False, closed=False)
        while True:
            running.keep([place for place, n in enumerate(running.active) if _goes_on(requests[n], answers[n])])
            if not running.active:
                return
            chosen, log_probs = _choose(running, requests, answers, budget)
            for n, token in zip(running.active, chosen.tolist(), strict=True):
                answers[n].take(lm, token, requests[n].settings.max_new_tokens)
            active = list(running.active)
            running.feed(chosen, [place for place, n in enumerate(active) if not answers[n].last])
            states = recorder.states()
            for place, (n, token) in enumerate(zip(active, chosen.tolist(), strict=True)):
                yield DecodedToken(n, token, log_probs[place], states[place], answers[n].last, answers[n].closed)


@torch.inference_mode()
def record_answer_states(
    lm: LanguageModel, sequences: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], spec: StateSpec
) -> list[Floats32]:
    """Record the hidden states of given answers in one forward pass.

    Args:
        lm: The model.
        sequences: For each answer its prompt ids and answer ids.
        spec: Which states to keep.

    Returns:
        For each answer float32 (1 + its tokens, layers, d): the states of the last prompt token and of every answer
        token.

    Raises:
        ModelError: the model has no such site.
    """
    longest = max(len(prompt) + len(answer) for prompt, answer in sequences)
    tokens = torch.zeros((len(sequences), longest), dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for n, (prompt, answer) in enumerate(sequences):
        ids = torch.tensor(prompt + answer)
        tokens[n, : len(ids)], mask[n, : len(ids)] = ids, 1
    by_layer: dict[int, torch.Tensor] = {}

    def keep(place: int, states: torch.Tensor) -> None:
        by_layer[place] = states.reshape(len(sequences), longest, -1).float().cpu()

    hook_points = lm.blocks.at(spec.site)
    with record_hidden_states([hook_points[layer] for layer in spec.layers], keep):
        lm.model.base_model(**forward_inputs(lm.model, tokens.to(lm.device), mask.to(lm.device)), use_cache=False)
    stacked = torch.stack([by_layer[place] for place in range(len(spec.layers))], dim=2).numpy()
    return [
        stacked[n, len(prompt) - 1 : len(prompt) + len(answer)].copy() for n, (prompt, answer) in enumerate(sequences)
    ]


@dataclass
class _DecodedAnswer:
    """An answer while it grows: whether it has begun, its number of tokens, whether it is complete and closed."""

    begun: bool = False
    n: int = 0
    last: bool = False
    closed: bool = False

    def take(self, lm: LanguageModel, token: int, max_new_tokens: int) -> None:
        """Take a token in; at a plain prompt the end of a line closes an answer that has begun."""
        self.closed = token in lm.stop_ids or (self.begun and token in lm.line_ids)
        self.begun = self.begun or token not in lm.line_ids
        self.n += 1
        self.last = self.closed or self.n >= max_new_tokens


def _goes_on(request: GenerationRequest, answer: _DecodedAnswer) -> bool:
    return not answer.last and not request.should_stop()


class StateRecorder:
    """Keeps the newest token's states at each hooked layer: (rows, layers, d)."""

    def __init__(self, n_layers: int) -> None:
        self.n_layers = n_layers
        self._n_rows = 0
        self._pick: Newest = last_token
        self._newest: dict[int, torch.Tensor] = {}

    def expect(self, rows: Sequence[int], _columns: Sequence[int], newest: Newest = last_token, /) -> None:
        """Take note of what the next pass reads: see `PassRecorder`."""
        self._n_rows, self._pick = len(rows), newest

    def spread(self, _rows: Sequence[int], places: Sequence[int]) -> None:
        """Give every row the states of the prompt that it has."""
        self._n_rows = len(places)
        self._newest = {layer: states[list(places)] for layer, states in self._newest.items()}

    def feed(self, layer: int, states: torch.Tensor) -> None:
        """Keep a layer's states of the newest token: (rows, tokens, d), or the same flat (rows * tokens, d)."""
        # Some families hand their projections flat.
        self._newest[layer] = self._pick(states.reshape(self._n_rows, -1, states.shape[-1]))

    def states(self) -> Floats32:
        """Return the newest token's states: float32 (rows, layers, d)."""
        if not self.n_layers:
            return np.empty((self._n_rows, 0, 0), dtype=np.float32)
        device = self._newest[0].device
        stacked = torch.stack([self._newest[place].to(device) for place in range(self.n_layers)], dim=1)
        return np.asarray(stacked.float().cpu().numpy())


def _choose(
    running: DecodingBatch,
    requests: Sequence[GenerationRequest],
    answers: Sequence[_DecodedAnswer],
    budget: ThoughtBudget,
) -> tuple[torch.Tensor, list[float]]:
    """Choose the next token of each active row, rows with the same settings together."""
    alike: dict[GenerateSettings, list[int]] = {}
    for place, n in enumerate(running.active):
        alike.setdefault(requests[n].settings, []).append(place)
    ids = torch.empty(len(running.active), dtype=torch.long, device=running.logits.device)
    log_probs = torch.empty(len(running.active), device=running.logits.device)
    for settings, places in alike.items():
        rows = [running.active[place] for place in places]
        prompts, steps = [requests[n].prompt for n in rows], [answers[n].n for n in rows]
        chosen = sample_tokens(running.logits[places], prompts, steps, settings)
        ids[places], log_probs[places] = chosen.ids, chosen.log_probs
    budget.choose(running.active, running.logits, ids, log_probs)
    return ids, log_probs.tolist()
