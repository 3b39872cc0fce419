"""The thread setting that suits the solver, kept inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_process_threads() -> Iterator[None]:
    """Give the matrix products torch's threads, and keep numpy's and scipy's BLAS to one; undone at the end.

    Two thread pools at work in turn fight over the cores: on small matrices that costs far more than it gains.
    """
    before = torch.get_num_threads()
    with threadpool_limits(limits=1, user_api="blas"):
        torch.set_num_threads(before)
        try:
            yield
        finally:
            torch.set_num_threads(before)
