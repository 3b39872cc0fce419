"""Groups of answers that belong together: how they are numbered, and how many independent ones they are worth."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from truthmap.arrays import Bools, Floats, Ints
from truthmap.seeding import uniform_from

Groups = Sequence[Hashable] | None
"""What belongs together, a name for each answer; `None`: every answer stands for itself."""


def group_numbers(group: Groups, n: int) -> Ints:
    """Number the groups of n answers in the order in which they first come: int64 (n,).

    >>> group_numbers(["b", "a", "b"], 3).tolist()
    [0, 1, 0]
    """
    if group is None:
        return np.arange(n, dtype=np.int64)
    assert len(group) == n, f"{len(group)} groups for {n} answers"
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in group], dtype=np.int64)


def one_per_group(group: Sequence[str]) -> Bools:
    """Pick one answer of each group, by the group's name alone: bool (n,).

    Answers of one group are not independent; one of each are, and any of them is as likely as the others: the first
    ones alone could differ from the rest.

    >>> int(one_per_group(["b", "a", "b", "b"]).sum())
    2
    """
    number = group_numbers(group, len(group))
    sizes = np.bincount(number)
    names = dict(zip(number.tolist(), group, strict=True))
    wanted = np.array([int(uniform_from("one per group", names[n]) * size) for n, size in enumerate(sizes)])
    place = np.zeros(len(group), dtype=np.int64)
    seen = np.zeros(len(sizes), dtype=np.int64)
    for row, n in enumerate(number):
        place[row] = seen[n]
        seen[n] += 1
    return np.asarray(place == wanted[number])


def effective_groups(number: Ints, weight: Floats | None = None) -> float:
    """Return how many equally large groups are worth these: (Σ size)² / Σ size² (Kish, *Survey Sampling*, 1965).

    Args:
        number: int64 (k,), the group of each of k answers.
        weight: float64 (k,), how much each answer counts; by default 1.

    >>> effective_groups(np.array([0, 0, 1, 1])), effective_groups(np.array([0, 0, 0, 1]))
    (2.0, 1.6)
    """
    sizes = np.bincount(number, weights=weight)
    return float(sizes.sum() ** 2 / np.square(sizes).sum())
