"""The states of every answer token of a batch, in memory, before positions are picked from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from truthmap.records import RowKey, Site


@dataclass(frozen=True)
class TokenStates:
    """States of the last prompt token and of every answer token of a batch.

    Attributes:
        ids: The answers' keys, in the order of axis n.
        prompt_lengths: Tokens in each prompt.
        answer_lengths: Tokens in each answer.
        states: For each site (L, n, 1 + longest answer, d): column 0 is the last prompt token, column t the t-th answer
            token; columns behind an answer's end mean nothing.
    """

    ids: tuple[RowKey, ...]
    prompt_lengths: tuple[int, ...]
    answer_lengths: tuple[int, ...]
    states: Mapping[Site, torch.Tensor]
