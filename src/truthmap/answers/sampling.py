"""Choosing the next token of each row: the likeliest, or a draw that depends on nothing but its own labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.seeding import uniform_from

_COLD = 1e-3
"""Temperatures below may make quotients overflow."""


class SampledToken(NamedTuple):
    """The chosen ids, int64 (rows,), and their natural log-probabilities, float32 (rows,)."""

    ids: torch.Tensor
    log_probs: torch.Tensor


def sample_tokens(
    logits: torch.Tensor, prompts: Sequence[Prompt], steps: Sequence[int], settings: GenerateSettings
) -> SampledToken:
    """Choose a token for each row.

    The log-probability is that of the model itself (temperature 1, whole vocabulary), however the token was chosen.

    Args:
        logits: float32 (rows, vocabulary).
        prompts: The rows' prompts.
        steps: Which token of its answer each row gets, from 0.
        settings: Temperature, top_p and seed.
    """
    log_probs = torch.log_softmax(logits, dim=-1)
    if settings.temperature == 0:
        ids = logits.argmax(dim=-1)
    else:
        asked = zip(prompts, steps, strict=True)
        draws = [uniform_from("token", settings.seed, p.question_id, p.sample, step) for p, step in asked]
        ids = _drawn(_heated(logits, settings.temperature), torch.tensor(draws, dtype=torch.float64), settings.top_p)
    return SampledToken(ids, log_probs.gather(-1, ids[:, None]).squeeze(-1))


def _heated(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    if temperature >= _COLD:
        return logits / temperature
    # Quotients that no float32 holds: relative to the likeliest they go to minus infinity, as they should.
    exact = logits.to("cpu", torch.float64)
    return (exact - exact.amax(dim=-1, keepdim=True)) / temperature


def _drawn(logits: torch.Tensor, draws: torch.Tensor, top_p: float) -> torch.Tensor:
    """Draw by inverting the cumulative distribution: one number decides one token.

    Tokens stand in the order of their ids where all may be drawn (sorting a whole vocabulary costs more than a small
    model's forward pass), else with the likeliest first. Sums are float64, on the CPU where a device has none.
    """
    device = logits.device
    exact = torch.softmax(logits.to("cpu" if device.type == "mps" else device, torch.float64), dim=-1)
    if top_p >= 1:
        cumulative = exact.cumsum(dim=-1)
        found = torch.searchsorted(cumulative, draws.to(exact.device)[:, None] * cumulative[:, -1:], right=True)
        return found.clamp(max=exact.shape[-1] - 1).squeeze(-1).to(device)
    probabilities, order = exact.sort(dim=-1, descending=True, stable=True)
    cumulative = probabilities.cumsum(dim=-1)
    # The nucleus of Holtzman et al. (arXiv 1904.09751): the fewest tokens whose probabilities reach top_p.
    inside = (cumulative - probabilities) < top_p
    total = (probabilities * inside).sum(dim=-1, keepdim=True)
    places = torch.searchsorted(cumulative, draws.to(exact.device)[:, None] * total, right=True)
    places = places.clamp(max=inside.sum(dim=-1, keepdim=True) - 1)
    return order.gather(-1, places).squeeze(-1).to(device)
