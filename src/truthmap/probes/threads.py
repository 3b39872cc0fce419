"""The thread setting that suits the solver, kept inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")


_ON_A_DEVICE = 3
"""Workers for a device that computes by itself: while one waits for it, the others read states and score."""


def workers_on(device: torch.device) -> int:
    """Return how many threads hand work to a device: on a CPU each computes by itself."""
    threads = torch.get_num_threads()
    return threads if device.type == "cpu" else min(threads, _ON_A_DEVICE)


@contextmanager
def one_thread_per_cell(
    device: str = "cpu",
) -> Iterator[Callable[[Callable[[Task], Result], Iterable[Task]], Iterator[Result]]]:
    """Return a `map` that works on as many cells at once as torch has threads, each with a single thread.

    A cell's matrices are so small that threads within one product cost more than they bring; whole cells side by side
    keep every core busy, share the states, and give the same numbers on any number of cores. At the end torch and BLAS
    have the threads that they had before.

    Args:
        device: Where the cells' tensors are.
    """
    # On CUDA torch fetches its linear algebra at the first call, and threads that do so at once fail (pytorch #90613).
    torch.linalg.cholesky(torch.eye(1, device=device))
    before, workers = torch.get_num_threads(), workers_on(torch.device(device))
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers, initializer=_one_thread) as pool:
        torch.set_num_threads(1)
        try:
            yield lambda work, tasks: pool.map(work, tasks)
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(before)


def _one_thread() -> None:
    torch.set_num_threads(1)
