"""How a run says where it is: one bar per stage, with the time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

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


class Bars:
    """Bars on standard error, drawn by rich: in a terminal and in a notebook; without either, a line per stage."""

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Iterator[Advance]:
        """Show a bar with counts, elapsed time and time left."""
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
        print(text, file=sys.stderr)  # noqa: T201
