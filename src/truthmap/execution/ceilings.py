"""What a device reaches at its best: its matrix products and the copies within its memory, timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

_PRODUCTS, _COPIES = 20, 10  # timed by themselves, after three that are not


@dataclass(frozen=True)
class Ceilings:
    """What a device reaches at its best.

    Attributes:
        product: Floating-point operations a second of a large matrix product of random numbers.
        copy: Bytes a second, read and written, of a large copy within its memory.
    """

    product: float
    copy: float


def measure_ceilings(device: torch.device, dtype: torch.dtype, matrix: int, copied: int) -> Ceilings:
    """Measure them with square matrices of so many rows in a dtype, and a buffer of so many bytes."""
    one, other = (torch.randn((matrix, matrix), device=device).to(dtype) for _ in range(2))
    product = 2 * matrix**3 / _median(device, lambda: one @ other, _PRODUCTS)
    source = torch.randint(0, 256, (copied,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Ceilings(product, 2 * copied / _median(device, lambda: target.copy_(source), _COPIES))


def seconds_of(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds from when the device is idle until it has done the work."""
    if device.type != "cuda":
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    event: Any = torch.cuda.Event  # which says nothing of its types
    start, end = event(enable_timing=True), event(enable_timing=True)
    torch.cuda.synchronize(device)
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1000


def _median(device: torch.device, work: Callable[[], object], times: int) -> float:
    for _ in range(3):
        work()
    return statistics.median(seconds_of(device, work) for _ in range(times))
