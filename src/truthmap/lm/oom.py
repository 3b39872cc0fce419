"""Halving batches that do not fit into memory until they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import torch

from truthmap.errors import ModelError

Item = TypeVar("Item")
Result = TypeVar("Result")

_MESSAGES = ("out of memory", "can't allocate memory", "_STATUS_ALLOC_FAILED")
"""What MPS, the CPU allocator and CUDA's libraries (cuBLAS, cuDNN, cuSOLVER: `CUBLAS_STATUS_ALLOC_FAILED`) say; only
torch's own allocator on CUDA has an exception of its own."""


def halve_batches_on_oom(
    batches: Iterable[Sequence[Item]], do: Callable[[Sequence[Item]], Result], device: torch.device, what: str
) -> Iterator[tuple[Sequence[Item], Result]]:
    """Work on batches, in halves where memory runs out; later batches are cut to what fitted.

    Args:
        batches: The batches; none is empty.
        do: Does the work for a batch or a part of one.
        device: Where the work is done.
        what: One item of a batch, for the message when not even one fits.

    Yields:
        Each part of each batch, in order, with its result.

    Raises:
        ModelError: memory does not hold even one item.
    """
    most: int | None = None
    for batch in batches:
        waiting = [batch]
        while waiting:
            part = waiting.pop(0)
            if most is None or len(part) <= most:
                done = _unless_out_of_memory(partial(do, part), len(part), device, what)
                if done is not None:
                    yield part, done[0]
                    continue
                most = len(part) - len(part) // 2
            half = len(part) // 2
            waiting[:0] = [part[:half], part[half:]]


def fewer_on_oom(
    items: Sequence[Item],
    most: int,
    do: Callable[[Sequence[Item], int], Iterator[tuple[Sequence[int], Result]]],
    device: torch.device,
    what: str,
) -> Iterator[tuple[list[Item], Result]]:
    """Work on items, several at a time, on half as many where memory runs out.

    Args:
        items: The items.
        most: At most so many at a time.
        do: Works on items, at most so many at a time: yields the places of those that are done, with their result.
        device: Where the work is done.
        what: One item, for the message when not even one fits.

    Yields:
        Items that are done, with their result.

    Raises:
        ModelError: memory does not hold even one item.
    """
    waiting, most = list(items), min(most, len(items))
    while waiting:
        done: set[int] = set()
        running = do(waiting, most)
        while True:
            found = _unless_out_of_memory(partial(_next_of, running), most, device, what)
            if found is None:
                most -= most // 2
            if found is None or found[0] is None:
                break
            places, result = found[0]
            done.update(places)
            yield [waiting[place] for place in places], result
        waiting = [item for place, item in enumerate(waiting) if place not in done]


def _next_of(running: Iterator[Result]) -> Result | None:
    return next(running, None)


def _unless_out_of_memory(do: Callable[[], Result], size: int, device: torch.device, what: str) -> tuple[Result] | None:
    """Return the result, or `None` where memory ran out: what the failed try held is free again by then."""
    try:
        return (do(),)
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        if size == 1:
            raise ModelError(
                f"the memory of {device} does not hold one {what}: take a narrower --dtype, "
                "--quantization, --device-map or a smaller model"
            ) from error
    release_cached_memory(device)
    return None


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(said in str(error) for said in _MESSAGES)


def release_cached_memory(device: torch.device) -> None:
    """Give back to the device what torch keeps for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
