"""A stage on its way, as a notebook shows it: one bar, drawn anew in its place by what the notebook itself brings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from truthmap.shown import html_text
from truthmap.terminal.clock import clock

Redraw = Callable[[str], None]
"""Called with HTML: it takes the place of what was drawn before."""

_SECONDS = 0.5
"""Between two drawings: a notebook keeps up with them."""


def display_place() -> Redraw:
    """Return a place in the output of the notebook's cell that is being run, to be drawn in again and again."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)
    return lambda html: handle.update(HTML(html))


@contextmanager
def notebook_bar(name: str, total: int | None, done: int, redraw: Redraw) -> Iterator[Callable[[int], None]]:
    """Draw a bar of a stage that has `done` of its `total` units: what is to be called with how many are done."""
    started = drawn = time.monotonic()
    before = done
    redraw(_bar_html(name, f"{done} of {total}" if total is not None else "…", done, total))

    def advance(done: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        if total is not None and now - drawn >= _SECONDS:
            drawn, fresh = now, done - before
            left = f", {clock((now - started) * (total - done) / fresh)} left" if fresh else ""
            redraw(_bar_html(name, f"{done} of {total}, {clock(now - started)} elapsed{left}", done, total))

    yield advance
    units = "" if total is None else f"{total} of {total}, "
    redraw(_bar_html(name, f"{units}done in {clock(time.monotonic() - started)}", total or 1, total or 1))


def _bar_html(name: str, says: str, done: int, total: int | None) -> str:
    value = "" if total is None else f" value='{done}' max='{max(total, 1)}'"
    bar = f"<progress{value} style='width:16em;vertical-align:middle'></progress>"
    label = f"<span style='display:inline-block;min-width:14em;margin-right:1em'>{html_text(name)}</span>"
    return f"<div style='font-family:monospace'>{label}{bar} {html_text(says)}</div>"
