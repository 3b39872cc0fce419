"""What a run shows on its way."""

from __future__ import annotations

import pytest

from truthmap.terminal.progress import Bars, clock


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


def test_a_stage_of_unknown_length_says_when_it_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars().stage("Loading the model", None):
        pass
    assert capsys.readouterr().err.splitlines() == ["Loading the model …", "Loading the model: done in 0:00"]


def test_a_clock_shows_hours_only_where_there_are_any() -> None:
    assert [clock(seconds) for seconds in (0, 59.6, 61, 3600)] == ["0:00", "1:00", "1:01", "1:00:00"]
