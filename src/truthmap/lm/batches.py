"""Cutting sequences into batches by a budget of tokens."""

from __future__ import annotations

from collections.abc import Sequence


def cut_into_batches(lengths: Sequence[int], budget: int) -> list[range]:
    """Cut sequences, sorted by length, into as few batches as the budget allows, about equally heavy ones.

    A batch is padded to its longest sequence and holds at most `budget` tokens, or one sequence.

    Args:
        lengths: Tokens of each sequence, ascending.
        budget: Tokens in one batch, padding included.

    Returns:
        For each batch the places of its sequences.
    """
    return _filled(lengths, even_budget(lengths, budget))


def even_budget(lengths: Sequence[int], budget: int) -> int:
    """Return the smallest budget that cuts sequences into no more batches than `budget` does.

    Filled to the budget, they would leave a last batch of a few rows, which costs nearly as much as a full one.
    """
    fewest = _filled(lengths, budget)
    low, high = 0, budget
    while high - low > 1:
        middle = (low + high) // 2
        if len(_filled(lengths, middle)) == len(fewest):
            high = middle
        else:
            low = middle
    return high


def _filled(lengths: Sequence[int], budget: int) -> list[range]:
    """Fill batch after batch up to the budget."""
    batches, start = [], 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - start) * lengths[end] > budget:
            batches.append(range(start, end))
            start = end
    return batches
