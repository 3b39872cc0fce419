"""Jobs done one after another in this process, with one model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from truthmap.execution.executor import Do, Done, Item, Job, Result, Tally

if TYPE_CHECKING:
    from truthmap.execution.active_run import Work


class ThisMachine:
    """Does the jobs itself."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def identity(self) -> dict[str, str]:
        """Load the model and say which it is."""
        return self._work.model.identity()

    def map(self, do: Do[Item, Result], jobs: Iterable[Job[Item]], tally: Tally) -> Iterator[Done[Result]]:
        """Do the jobs in their order."""
        for job in jobs:
            self._work.stop.check()
            yield Done(job.number, do(self._work, job.item, partial(tally.part, job.number)))
            # The caller has kept the result by now.
            tally.whole(job.number, job.size)

    def close(self) -> None:
        """Do nothing: the model goes with the work."""
