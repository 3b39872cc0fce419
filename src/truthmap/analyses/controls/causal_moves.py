"""Moves along a direction and random ones of the same size, and whether the first do more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.analyses.controls.causal_effects import Changes
from truthmap.analyses.probing import StatesAtCell
from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.estimate import Estimate
from truthmap.probes.linear import LinearProbe
from truthmap.seeding import seed_from

RANDOM = 100
"""Random directions to move along."""
RANDOM_ABLATED = 39
"""Random directions to take out: the smallest p-value is 1 in 40."""
DOSES = (1.0, 2.0, 4.0, 8.0)
TESTED_DOSE = 2.0
"""The dose that is held against random directions."""
_SMALL = 0.025
"""A p-value that counts: a direction is tried twice, moved along and taken out, and 5 % is shared by both."""


@dataclass(frozen=True)
class Direction:
    """What states are moved along.

    Attributes:
        unit: float64 (d,), of length 1; forward is toward right.
        dose: How far one dose moves.
        centre: float64 (d,), the mean of the training states.
    """

    unit: Floats
    dose: float
    centre: Floats

    @classmethod
    def of(cls, probe: LinearProbe, training: StatesAtCell) -> Direction:
        """Return a probe's direction in the states' own units; a dose is the distance between the class means.

        Raises:
            NotEnoughDataError: the probe reads nothing.
        """
        states = training.states.double().numpy()
        apart = states[training.y].mean(axis=0) - states[~training.y].mean(axis=0)
        along = probe.weight / probe.scale
        if not along.any():
            raise NotEnoughDataError("the probe has no direction: its weights are all zero")
        return cls(along / np.linalg.norm(along), float(np.linalg.norm(apart)), states.mean(axis=0))


def changes_along(direction: Direction, seed: int = 0) -> Changes:
    """Return the changes, in this order: none, the doses back and forth, taken out, random moves, random ablations."""
    draws = np.random.default_rng(seed_from("causal", str(seed)))
    random = draws.standard_normal((RANDOM + RANDOM_ABLATED, len(direction.unit)))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    nothing = np.zeros((1, len(direction.unit)))
    moved = np.outer([*(-dose for dose in DOSES), *DOSES], direction.unit) * direction.dose
    at_random = random[:RANDOM] * TESTED_DOSE * direction.dose
    shifts = np.concatenate([nothing, moved, nothing, at_random, np.repeat(nothing, RANDOM_ABLATED, axis=0)])
    ablated = np.zeros_like(shifts)
    ablated[1 + 2 * len(DOSES)] = direction.unit
    ablated[-RANDOM_ABLATED:] = random[RANDOM:]
    return Changes(torch.from_numpy(shifts), torch.from_numpy(ablated), torch.from_numpy(direction.centre))


FORTH = 1 + len(DOSES) + DOSES.index(TESTED_DOSE)
BACK = 1 + DOSES.index(TESTED_DOSE)
ABLATED = 1 + 2 * len(DOSES)
AT_RANDOM = slice(ABLATED + 1, ABLATED + 1 + RANDOM)
OUT_AT_RANDOM = slice(ABLATED + 1 + RANDOM, None)


@dataclass(frozen=True)
class Comparison:
    """How far a number moved along the probe's direction, and along random ones of the same size.

    Attributes:
        probe: The mean absolute change, over both ways.
        random: The mean of the random directions' mean absolute changes.
        beyond: The first minus the second, paired, with its interval by question.
        p_value: Share of all directions, the probe's among them, that change as much.
    """

    probe: float
    random: float
    beyond: Estimate
    p_value: float

    @property
    def larger(self) -> bool:
        """Whether the probe's direction does more than random ones; see `_SMALL`."""
        return self.p_value <= _SMALL and self.beyond.low > 0


def compared(
    values: Floats, of_probe: Sequence[int], at_random: slice, groups: Sequence[str], label: str
) -> Comparison:
    """Compare changes: values float (n, E); the first column is the state as it is.

    Raises:
        NotEnoughDataError: fewer than two questions have the number.
    """
    known = are_known(values)
    if known.sum() < 2:
        raise NotEnoughDataError("too few of the tried answers have what would change")
    change = np.abs(values[known] - values[known][:, :1])
    own, others = change[:, list(of_probe)].mean(axis=1), change[:, at_random]
    apart = own - others.mean(axis=1)
    beyond = mean_of(apart, of_known(groups, known), label)
    p_value = (1 + int((others.mean(axis=0) >= own.mean()).sum())) / (1 + others.shape[1])
    return Comparison(float(own.mean()), float(others.mean()), beyond, p_value)


def mean_of(values: Floats, groups: Sequence[str], label: str) -> Estimate:
    """Return the mean of values (n,) with its interval by group; `label` names the resampling."""

    def mean(rows: Ints) -> Floats:
        return np.array([values[rows].mean()])

    return bootstrap(mean, groups, label)[0]


def are_known(values: Floats) -> Bools:
    """Say which answers have a number under every change: values float (n, E) → bool (n,)."""
    return np.asarray(np.isfinite(values).all(axis=1))


def of_known(names: Sequence[str], known: Bools) -> list[str]:
    """Return the names of the answers that are known: bool (n,)."""
    return [name for name, here in zip(names, known.tolist(), strict=True) if here]
