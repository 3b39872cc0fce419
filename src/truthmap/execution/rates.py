"""How fast devices work, as data: what was measured, and where. A plan is worked out from these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from truthmap.execution.ceilings import Ceilings, measure_ceilings
from truthmap.lm.sizes import device_memory

_MATRIX = {"cuda": 8192}
_USUAL_MATRIX = 1024
_COPIED = {"cuda": 2**31}
_USUAL_COPIED = 2**27


@dataclass(frozen=True)
class Shares:
    """What of a device's ceilings truthmap's own work reaches, and how long its probes take.

    Attributes:
        decoding: Of the memory's speed: the weights, read once for each step of a batch, what the step computes aside.
        reading: Of the matrix peak: a pass over prompts and answers.
        probing: Seconds of a cell's probes (six C × five folds) for each answer and dimension.
        shuffling: Seconds of a cell's hundred permutations for each answer and dimension.
        measured: Where these stand.
    """

    decoding: float
    reading: float
    probing: float
    shuffling: float
    measured: str


@dataclass(frozen=True)
class Rates:
    """How fast a device works.

    Attributes:
        name: The device.
        kind: `cuda` or `cpu`.
        memory: Bytes of its memory.
        ceilings: What it reaches at its best.
        shares: What of that truthmap reaches.
        measured: Where the ceilings were measured.
        spare: Share of the memory that is left to others.
    """

    name: str
    kind: str
    memory: int
    ceilings: Ceilings
    shares: Shares
    measured: str
    spare: float = 0.08


_ON_CUDA = Shares(
    # The second pass reads 8,192 tokens that are no padding in 0.459 s. Generating takes 2.01 s: 0.46 s of them are
    # what as many tokens compute, and in the rest 64 steps read 13.5 GB each.
    decoding=0.185,
    reading=0.31,
    probing=115 / (450 * 1000 * 4096),
    shuffling=(161 - 115) / (450 * 1000 * 4096),
    measured="docs/gpu.md, one H100, 2026-11-26",
)
_ON_A_CPU = Shares(
    decoding=0.5,
    reading=0.75,
    probing=0.67 / (1000 * 4096),
    shuffling=70 / 42 * 0.67 / (1000 * 4096),
    measured="docs/benchmarks.md, x86-64, 2026-11-25; probes: of one core; decoding is guessed",
)
SHARES: Mapping[str, Shares] = MappingProxyType({"cuda": _ON_CUDA, "cpu": _ON_A_CPU})
"""By kind of device; what was measured on none is taken for a CUDA device."""

RECORDED: Mapping[str, Rates] = MappingProxyType(
    {
        "h100": Rates(
            "NVIDIA H100 80GB HBM3",
            "cuda",
            79 << 30,
            Ceilings(product=777e12, copy=3.01e12),
            _ON_CUDA,
            "docs/gpu.md, 2026-11-26",
        )
    }
)
"""Devices that were measured, by a short name."""


def rates_here(device: torch.device) -> Rates:
    """Measure the ceilings of a device of this machine, in a second or two; the shares are the recorded ones."""
    kind = device.type
    dtype = torch.float32 if kind == "cpu" else torch.bfloat16
    size, copied = _MATRIX.get(kind, _USUAL_MATRIX), _COPIED.get(kind, _USUAL_COPIED)
    ceilings = measure_ceilings(device, dtype, size, copied)
    return Rates(_name_of(device), kind, device_memory(device), ceilings, _shares_on(device), "measured just now")


def _shares_on(device: torch.device) -> Shares:
    shares = SHARES.get(device.type, _ON_CUDA)
    if device.type != "cpu":
        return shares
    cores = torch.get_num_threads()  # a cell has a thread to itself
    return Shares(shares.decoding, shares.reading, shares.probing / cores, shares.shuffling / cores, shares.measured)


def _name_of(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"this machine, {torch.get_num_threads()} threads" if device.type == "cpu" else str(device)
