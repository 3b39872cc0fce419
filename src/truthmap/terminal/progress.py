"""How a run says where it is: one bar per stage, with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from truthmap.runs.remote import spoken

Advance = Callable[[int], None]
"""Called with how many units of the stage are done so far."""


class Progress(Protocol):
    """Whatever can show stages on their way."""

    def stage(self, name: str, total: int | None, done: int = 0) -> AbstractContextManager[Advance]:
        """Show a stage of `total` units (`None`: not known), `done` of them finished before."""
        ...

    def say(self, text: str) -> None:
        """Show one line of news."""
        ...


class Silence:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Iterator[Advance]:  # noqa: ARG002
        """Show nothing."""
        yield lambda _done: None

    def say(self, text: str) -> None:
        """Show nothing."""


_QUIET_SECONDS = 20.0
"""Between two lines of a stage where no bar can be drawn: often enough to see that it goes on, no flood in a log."""


class Bars:
    """Bars on standard error, drawn by rich; where nothing can be redrawn, as in a log file, a line now and then."""

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Iterator[Advance]:
        """Show counts, elapsed time and time left."""
        from rich.console import Console

        console = Console(stderr=True)
        shown = self._bar if console.is_terminal or console.is_jupyter else self._lines
        with shown(name, total, done) as advance:
            yield advance

    @contextmanager
    def _lines(self, name: str, total: int | None, done: int) -> Iterator[Advance]:
        started = spoken = time.monotonic()
        before = done
        self.say(f"{name} …" if total is None else f"{name}: {done} of {total}")

        def advance(done: int) -> None:
            nonlocal spoken
            now = time.monotonic()
            if total is not None and before < done < total and now - spoken >= _QUIET_SECONDS:
                left = (now - started) * (total - done) / (done - before)
                self.say(f"{name}: {done} of {total}, {clock(left)} left")
                spoken = now

        yield advance
        self.say(f"{name}: done in {clock(time.monotonic() - started)}")

    @contextmanager
    def _bar(self, name: str, total: int | None, done: int) -> Iterator[Advance]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=Console(stderr=True)) as bars:
            task = bars.add_task(name, total=total, completed=done)
            yield lambda done: bars.update(task, completed=done)
            bars.update(task, total=total or 1, completed=total or 1)

    def say(self, text: str) -> None:
        """Print one line."""
        print(spoken(text), file=sys.stderr)  # noqa: T201


def clock(seconds: float) -> str:
    """Write a span of time as a clock shows it.

    >>> clock(7.4), clock(3725)
    ('0:07', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
