"""The device: how its work is timed, what memory the work takes, and what the device reaches at its best."""

from __future__ import annotations

import gc
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from truthmap.execution.ceilings import measure_ceilings, seconds_of
from truthmap.execution.peak_memory import forget_peak, peak_bytes

Result = TypeVar("Result")


@dataclass(frozen=True)
class Card:
    """What the device reaches at its best, measured.

    Attributes:
        device: Where the work is done.
        product: Floating-point operations a second of a large bfloat16 matrix product of random numbers.
        copy: Bytes a second, read and written, of a large copy within its memory.
    """

    device: torch.device
    product: float
    copy: float


@dataclass(frozen=True)
class Spent:
    """What a piece of work took.

    Attributes:
        seconds: From when the device is idle until it has done the work.
        memory: Bytes of device memory at its peak, over what was there before; on a CPU the process' resident memory.
    """

    seconds: float
    memory: int


@dataclass(frozen=True)
class Measured(Spent):
    """What repeated work took: the median of the seconds, after a run that is not timed.

    Attributes:
        flops: Floating-point operations of its matrix products and attention, counted.
    """

    flops: int


def measure_card(device: torch.device, matrix: int, copied: int) -> Card:
    """Measure the two ceilings of a device, with square matrices of so many rows and a buffer of so many bytes."""
    ceilings = measure_ceilings(device, torch.bfloat16, matrix, copied)
    return Card(device, ceilings.product, ceilings.copy)


def measure(device: torch.device, work: Callable[[], Result], times: int) -> tuple[Measured, Result]:
    """Do work once to count its operations, which also warms it up, then time it; give its last result too."""
    with FlopCounterMode(display=False) as counted:
        work()
    spent: list[Spent] = []
    results: list[Result] = []
    for _ in range(times):
        results.clear()  # else the last one would count as memory of the next
        spent.append(spend(device, lambda: results.append(work())))
    seconds, memory = statistics.median(each.seconds for each in spent), max(each.memory for each in spent)
    return Measured(seconds, memory, counted.get_total_flops()), results[0]


def spend(device: torch.device, work: Callable[[], object]) -> Spent:
    """Do work once, and say what it took."""
    before = _start_memory(device)
    seconds = seconds_of(device, work)
    return Spent(seconds, _peak_memory(device) - before)


def free_memory(device: torch.device) -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def name_of(device: torch.device) -> str:
    """Say what the device is."""
    if device.type != "cuda":
        return f"{os.cpu_count()} CPU cores ({platform.machine()})"
    card = torch.cuda.get_device_properties(device)
    return f"{card.name}, {card.total_memory / 2**30:.0f} GiB"


def _start_memory(device: torch.device) -> int:
    gc.collect()  # what torch keeps for later stays: to fetch it anew would cost time
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    forget_peak()
    return peak_bytes() or 0


def _peak_memory(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_bytes() or 0
