"""How a run says where it is: one bar per stage, with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from truthmap.terminal.clock import clock
from truthmap.terminal.notebook_progress import Redraw, display_place, notebook_bar
from truthmap.terminal.output import print_lines, terminal

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
    """Bars on standard error, or in a notebook's cell; where nothing can be redrawn, as in a log file, a line at times.

    Args:
        place: Gives a place that HTML is drawn in; by default the notebook's, where the code runs in one.
    """

    def __init__(self, place: Callable[[], Redraw] | None = None) -> None:
        self._place = place
        self._shown: RichProgress | None = None

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Iterator[Advance]:
        """Show counts, elapsed time and time left."""
        console = terminal(stderr=True)
        if console.quiet:
            yield lambda _done: None
            return
        place = display_place if console.is_jupyter and self._place is None else self._place
        if place is not None:
            shown = notebook_bar(name, total, done, place())
        elif console.is_terminal:
            shown = self._bar(name, total, done)
        else:
            shown = self._lines(name, total, done)
        with shown as advance:
            yield advance

    @contextmanager
    def _lines(self, name: str, total: int | None, done: int) -> Iterator[Advance]:
        started = last_line = time.monotonic()
        before = done
        self.say(f"{name} …" if total is None else f"{name}: {done} of {total}")

        def advance(done: int) -> None:
            nonlocal last_line
            now = time.monotonic()
            if total is not None and before < done < total and now - last_line >= _QUIET_SECONDS:
                left = (now - started) * (total - done) / (done - before)
                self.say(f"{name}: {done} of {total}, {clock(left)} left")
                last_line = now

        yield advance
        self.say(f"{name}: done in {clock(time.monotonic() - started)}")

    @contextmanager
    def _bar(self, name: str, total: int | None, done: int) -> Iterator[Advance]:
        columns = (
            TextColumn("{task.description:<22}", markup=False),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimesColumn(),
        )
        with RichProgress(*columns, console=terminal(stderr=True)) as bars:
            self._shown = bars
            task = bars.add_task(name, total=total, completed=done)
            try:
                yield lambda done: bars.update(task, completed=done)
            finally:
                self._shown = None
            bars.update(task, total=total or 1, completed=total or 1)

    def say(self, text: str) -> None:
        """Print one line, above a bar where one is shown."""
        if self._shown is None:
            print_lines([text], stderr=True)
        else:
            self._shown.console.print(Text(text), soft_wrap=True)


class TimesColumn(ProgressColumn):
    """How long a stage has taken, and how long it will go on, as far as that is known."""

    def render(self, task: Task) -> Text:
        """Return `0:10 elapsed, 0:42 left`."""
        elapsed = task.finished_time if task.finished else task.elapsed
        said = f"{clock(elapsed or 0)} elapsed"
        if not task.finished and task.time_remaining is not None:
            said += f", {clock(task.time_remaining)} left"
        return Text(said, "progress.elapsed")
