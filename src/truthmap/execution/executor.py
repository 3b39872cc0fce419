"""What every executor takes and gives: jobs, one per shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from truthmap.terminal.progress import Advance

if TYPE_CHECKING:
    from truthmap.execution.active_run import Work

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


Do = Callable[["Work", Item, Advance], Result]
"""A function of a module (so that another process finds it by name) that does one job's work on an item; it may say
how many units it has done so far."""


class Executor(Protocol):
    """Whoever does the jobs of a stage."""

    def identity(self) -> dict[str, str]:
        """Return the identity of the model that will do the jobs.

        Raises:
            ModelError: it cannot be loaded.
        """
        ...

    def map(self, do: Do[Item, Result], jobs: Iterable[Job[Item]], tally: Tally) -> Iterator[Done[Result]]:
        """Do jobs, in any order, and give each result as it comes; between jobs a wish to stop is granted.

        Raises:
            Stopped: somebody asked to stop; the jobs under way were finished and their results given first.
        """
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...
