"""What a model thinks of tokens it did not have to choose: one forward pass, and only a few numbers are kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from truthmap.lm.cache import CacheUse
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.model import LanguageModel
from truthmap.shown import ShortRepr

_MOST_LOGITS = 1 << 26
"""Numbers in one batch's logits: 256 MB as float32."""


@dataclass(frozen=True, repr=False)
class TokenScores(ShortRepr):
    """How a model sees the tokens of a continuation.

    Attributes:
        log_probs: Natural log-probability of each token (temperature 1, whole vocabulary).
        entropies: Entropy, in nats, of the distribution that each token was chosen from.
    """

    log_probs: tuple[float, ...]
    entropies: tuple[float, ...]


def score_tokens(
    lm: LanguageModel,
    sequences: Sequence[tuple[tuple[int, ...], tuple[int, ...]]],
    batch_tokens: int,
    on_progress: Callable[[int], None] | None = None,
) -> list[TokenScores]:
    """Score the continuations of prompts, in their order.

    Args:
        lm: The model.
        sequences: For each continuation the prompt's ids and its own; neither is empty.
        batch_tokens: Tokens in one batch, padding included.
        on_progress: Called with how many sequences are done so far.
    """
    scores: dict[int, TokenScores] = {}
    for rows, logits in _passes(lm, sequences, batch_tokens):
        for row, n in enumerate(rows):
            length = len(sequences[n][1])
            log_probs = torch.log_softmax(logits[row, -1 - length : -1].float(), dim=-1)
            chosen = torch.tensor(sequences[n][1], device=log_probs.device)[:, None]
            entropies = torch.special.entr(log_probs.exp()).sum(dim=-1)
            scores[n] = TokenScores(
                tuple(log_probs.gather(-1, chosen)[:, 0].tolist()), tuple(entropies.clamp(min=0).tolist())
            )
        if on_progress is not None:
            on_progress(len(scores))
    return [scores[n] for n in range(len(sequences))]


def next_token_log_probs(
    lm: LanguageModel, prompts: Sequence[tuple[int, ...]], choices: Sequence[Sequence[int]], batch_tokens: int
) -> list[tuple[float, ...]]:
    """Return, for each prompt, the natural log-probability that the next token is one of each choice's ids.

    Args:
        lm: The model.
        prompts: Token ids of whole prompts.
        choices: For each choice the ids that stand for it ("A", " A").
        batch_tokens: Tokens in one batch, padding included.
    """
    found: dict[int, tuple[float, ...]] = {}
    sequences: list[tuple[tuple[int, ...], tuple[int, ...]]] = [(prompt, ()) for prompt in prompts]
    for rows, logits in _passes(lm, sequences, batch_tokens):
        log_probs = torch.log_softmax(logits[:, -1].float(), dim=-1)
        ids = [torch.tensor(list(choice), device=log_probs.device) for choice in choices]
        summed = torch.stack([log_probs[:, choice].logsumexp(dim=-1) for choice in ids], dim=1)
        found.update((n, tuple(summed[row].tolist())) for row, n in enumerate(rows))
    return [found[n] for n in range(len(prompts))]


@torch.inference_mode()
def _passes(
    lm: LanguageModel, sequences: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], batch_tokens: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Read sequences, the short ones first: rows, and their last logits (rows, longest continuation + 1, vocabulary).

    Sequences are padded on the left, so that all continuations end in the last column; what comes before the last
    prompt token gets no logits.
    """
    for rows in _batches(lm, sequences, batch_tokens):
        whole = [sequences[n][0] + sequences[n][1] for n in rows]
        longest, kept = max(map(len, whole)), max(len(sequences[n][1]) for n in rows) + 1
        tokens = torch.zeros((len(rows), longest), dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for row, ids in enumerate(whole):
            tokens[row, longest - len(ids) :] = torch.tensor(ids)
            mask[row, longest - len(ids) :] = 1
        inputs = forward_inputs(lm.model, tokens.to(lm.device), mask.to(lm.device))
        output = lm.model(**inputs, use_cache=False, **({"logits_to_keep": kept} if lm.keeps_logits else {}))
        yield rows, output.logits[:, -kept:]


def _batches(
    lm: LanguageModel, sequences: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], batch_tokens: int
) -> Iterator[list[int]]:
    vocabulary = int(lm.model.config.get_text_config().vocab_size)
    order = sorted(range(len(sequences)), key=lambda n: len(sequences[n][0]) + len(sequences[n][1]))
    pads = lm.cache_use is not CacheUse.NONE  # else padding on the left may be taken for tokens
    rows: list[int] = []
    kept = 0
    for n in order:
        length = len(sequences[n][0]) + len(sequences[n][1])
        kept = max(kept, len(sequences[n][1]) + 1)
        size = len(rows) + 1
        mixed = bool(rows) and not pads and length != len(sequences[rows[-1]][0]) + len(sequences[rows[-1]][1])
        if rows and (mixed or size * length > batch_tokens or size * kept * vocabulary > _MOST_LOGITS):
            yield rows
            rows, kept = [], len(sequences[n][1]) + 1
        rows.append(n)
    if rows:
        yield rows
