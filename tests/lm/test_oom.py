"""Out of memory: half the batch, and so on, never the whole run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from truthmap.errors import ModelError
from truthmap.lm.oom import fewer_on_oom, halve_batches_on_oom

CPU = torch.device("cpu")


class Cramped:
    """Adds numbers, as long as they are at most `room` at a time."""

    def __init__(self, room: int, error: RuntimeError) -> None:
        self.room, self.error = room, error
        self.tried: list[int] = []

    def __call__(self, batch: Sequence[int]) -> int:
        self.tried.append(len(batch))
        if len(batch) > self.room:
            raise self.error
        return sum(batch)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_every_item_is_worked_on_once_and_in_order(error: RuntimeError) -> None:
    add = Cramped(3, error)
    done = list(halve_batches_on_oom([range(11)], add, CPU, "number"))
    assert [n for part, _ in done for n in part] == list(range(11))
    assert [total for _, total in done] == [sum(part) for part, _ in done]
    assert add.tried == [11, 5, 2, 3, 3, 3]


def test_later_batches_are_cut_to_what_fitted_without_another_failure() -> None:
    add = Cramped(4, torch.OutOfMemoryError())
    list(halve_batches_on_oom([range(8), range(8)], add, CPU, "number"))
    assert add.tried == [8, 4, 4, 4, 4]


def test_one_item_that_does_not_fit_is_told_with_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"the memory of cpu does not hold one number: take a narrower --dtype"):
        list(halve_batches_on_oom([range(2)], Cramped(0, torch.OutOfMemoryError()), CPU, "number"))


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(halve_batches_on_oom([range(2)], Cramped(0, RuntimeError("shapes do not match")), CPU, "number"))


def two_by_two(room: int, tried: list[int]) -> object:
    """Return work on numbers, two done at a time, for which memory holds `room` of them."""

    def work(numbers: Sequence[int], most: int) -> Iterator[tuple[Sequence[int], int]]:
        tried.append(most)
        for start in range(0, len(numbers), 2):
            if most > room and (start or not room):
                raise torch.OutOfMemoryError
            places = range(start, min(start + 2, len(numbers)))
            yield places, sum(numbers[place] for place in places)

    return work


def test_what_was_done_before_memory_ran_out_is_not_done_again() -> None:
    tried: list[int] = []
    done = list(fewer_on_oom(range(9), 100, two_by_two(3, tried), CPU, "number"))  # type: ignore[arg-type]
    assert sorted(n for part, _ in done for n in part) == list(range(9))
    assert [total for _, total in done] == [sum(part) for part, _ in done]
    assert tried == [9, 5, 3]


def test_one_item_at_a_time_that_does_not_fit_is_told() -> None:
    with pytest.raises(ModelError, match="does not hold one number"):
        list(fewer_on_oom(range(9), 100, two_by_two(0, []), CPU, "number"))  # type: ignore[arg-type]
