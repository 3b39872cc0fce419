"""What a run shows on its way."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress

from truthmap.terminal.clock import clock
from truthmap.terminal.progress import Bars, TimesColumn


def test_a_log_gets_lines_with_the_time_left_and_no_flood(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(float(second) for second in range(0, 1000, 10))
    monkeypatch.setattr("truthmap.terminal.progress.time.monotonic", lambda: next(now))
    monkeypatch.setenv("TERM", "dumb")
    with Bars().stage("Answering", 100, 20) as advance:
        for done in (30, 40, 50, 60, 100):
            advance(done)
    said = capsys.readouterr().err.splitlines()
    # Every look at the clock is ten seconds on: 80 answers to go, ten of them every ten seconds.
    assert said == [
        "Answering: 20 of 100",
        "Answering: 40 of 100, 1:00 left",
        "Answering: 60 of 100, 0:40 left",
        "Answering: done in 1:00",
    ]


def test_a_bar_says_how_long_it_took_and_how_long_it_will_go_on() -> None:
    now = [0.0]
    unseen = Console(file=StringIO())
    with Progress(TimesColumn(), get_time=lambda: now[0], auto_refresh=False, console=unseen) as bars:
        bars.add_task("Answering", total=100)
        (task,) = bars.tasks
        column = TimesColumn()
        assert column.render(task).plain == "0:00 elapsed"
        now[0] = 10.0
        bars.update(task.id, completed=10)
        now[0] = 20.0
        bars.update(task.id, completed=20)
        assert column.render(task).plain == "0:20 elapsed, 1:20 left"
        bars.update(task.id, completed=100)
        assert column.render(task).plain == "0:20 elapsed"


def test_a_stage_of_unknown_length_says_when_it_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars().stage("Loading the model", None):
        pass
    assert capsys.readouterr().err.splitlines() == ["Loading the model …", "Loading the model: done in 0:00"]


def test_a_clock_shows_hours_only_where_there_are_any() -> None:
    assert [clock(seconds) for seconds in (0, 59.6, 61, 3600)] == ["0:00", "1:00", "1:01", "1:00:00"]


def test_a_notebook_draws_one_bar_in_its_place() -> None:
    places: list[list[str]] = []

    def place() -> Callable[[str], None]:
        drawn: list[str] = []
        places.append(drawn)
        return drawn.append

    with Bars(place).stage("<b>Answering</b>", 10, 2) as advance:
        advance(5)
        advance(10)
    (drawn,) = places
    assert "&lt;b&gt;Answering&lt;/b&gt;" in drawn[0]
    assert "2 of 10" in drawn[0]
    assert "value='10' max='10'" in drawn[-1]
    assert "done in 0:00" in drawn[-1]
    assert not any("<b>" in html for html in drawn)


def test_a_stage_of_unknown_length_has_a_bar_in_a_notebook() -> None:
    drawn: list[str] = []
    with Bars(lambda: drawn.append).stage("Loading", None) as advance:
        advance(3)
    assert "<progress style" in drawn[0]
    assert "value='1' max='1'" in drawn[-1]
