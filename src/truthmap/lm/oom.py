"""Batches that do not fit into memory are halved until they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from truthmap.errors import ModelError

Item = TypeVar("Item")
Result = TypeVar("Result")

_MESSAGES = ("out of memory", "can't allocate memory")
"""What MPS and the CPU allocator say; only CUDA has an exception of its own."""


class HalvedBatches:
    """Works on batches, in halves where memory runs out; later batches are cut to what fitted.

    Args:
        device: Where the work is done.
        what: One item of a batch, for the message when not even one fits.
    """

    def __init__(self, device: torch.device, what: str) -> None:
        self._device, self._what = device, what
        self._most: int | None = None

    def work(
        self, batch: Sequence[Item], do: Callable[[Sequence[Item]], Result]
    ) -> Iterator[tuple[Sequence[Item], Result]]:
        """Do the work for a batch and give each part of it, in order, with its result.

        Raises:
            ModelError: memory does not hold even one item.
        """
        waiting = [batch]
        while waiting:
            part = waiting.pop(0)
            result = None
            if self._most is None or len(part) <= self._most:
                result = self._tried(part, do)
            if result is None:
                half = len(part) // 2
                waiting[:0] = [part[:half], part[half:]]
            else:
                yield part, result[0]

    def _tried(self, part: Sequence[Item], do: Callable[[Sequence[Item]], Result]) -> tuple[Result] | None:
        """Return the result, or `None` where memory ran out: what the failed try held is free again by then."""
        try:
            return (do(part),)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if len(part) == 1:
                raise ModelError(
                    f"the memory of {self._device} does not hold one {self._what}: take a narrower --dtype, "
                    "--quantization, --device-map or a smaller model"
                ) from error
        self._most = len(part) - len(part) // 2
        release(self._device)
        return None


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(said in str(error) for said in _MESSAGES)


def release(device: torch.device) -> None:
    """Return back to the device what torch keeps for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
