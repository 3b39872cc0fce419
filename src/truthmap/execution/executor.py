"""Who does the jobs of a stage, one per shard: this machine, or (in `ray`) the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

from truthmap.execution.interrupts import Stop
from truthmap.terminal.progress import Advance


class HasModel(Protocol):
    """What every context of jobs can say: which model it has."""

    def identity(self) -> dict[str, str]:
        """Load the model and say which it is."""
        ...


Context = TypeVar("Context", bound=HasModel)
"""What jobs are done with: the open run, or whatever else holds what they need."""
Context_co = TypeVar("Context_co", bound=HasModel, covariant=True)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Job(Generic[Item]):
    """One shard's work, as data that can travel to another process.

    Attributes:
        number: The shard's number.
        ids: The question ids in it, to name them if it fails.
        item: What the work is done on.
        size: How many units of the stage's bar it counts for.
    """

    number: int
    ids: tuple[str, ...]
    item: Item
    size: int


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What came of a job."""

    number: int
    result: Result


@dataclass
class Tally:
    """Counts finished units of a stage for its bar: whole jobs, and what is done of those under way."""

    advance: Advance
    done: int = 0
    _under_way: dict[int, int] = field(default_factory=dict)

    def part(self, number: int, done: int) -> None:
        """Note that `done` units of job `number` are done so far."""
        self._under_way[number] = done
        self.advance(self.done + sum(self._under_way.values()))

    def whole(self, number: int, size: int) -> None:
        """Note that job `number` is finished."""
        self._under_way.pop(number, None)
        self.done += size
        self.advance(self.done + sum(self._under_way.values()))


Do = Callable[[Context, Item, Advance], Result]
"""A function of a module (so that another process finds it by name) that does one job's work on an item; it may say
how many units it has done so far."""


class Executor(Protocol[Context_co]):
    """Whoever does the jobs of a stage."""

    def identity(self) -> dict[str, str]:
        """Return the identity of the model that will do the jobs.

        Raises:
            ModelError: it cannot be loaded.
        """
        ...

    def map(self, do: Do[Context_co, Item, Result], jobs: Iterable[Job[Item]], tally: Tally) -> Iterator[Done[Result]]:
        """Do jobs, in any order, and give each result as it comes; between jobs a wish to stop is granted.

        Raises:
            Stopped: somebody asked to stop; the jobs under way were finished and their results given first.
        """
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...


class ThisMachine(Generic[Context]):
    """Does the jobs itself, one after another in this process, with one model."""

    def __init__(self, context: Context, stop: Stop) -> None:
        self._context, self._stop = context, stop

    def identity(self) -> dict[str, str]:
        """Load the model and say which it is."""
        return self._context.identity()

    def map(self, do: Do[Context, Item, Result], jobs: Iterable[Job[Item]], tally: Tally) -> Iterator[Done[Result]]:
        """Do the jobs in their order."""
        for job in jobs:
            self._stop.check()
            yield Done(job.number, do(self._context, job.item, partial(tally.part, job.number)))
            # The caller has kept the result by now.
            tally.whole(job.number, job.size)

    def close(self) -> None:
        """Do nothing: the model goes with the context."""
