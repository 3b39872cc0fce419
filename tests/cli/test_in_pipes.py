"""Commands in pipes: nothing but results on standard output, no colours, no complaints, codes that mean one thing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from truthmap.cli.app import main
from truthmap.errors import PartialError, UsageError
from truthmap.execution.interrupts import Stopped
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.mode import OutputMode, speaking
from truthmap.terminal.output import only_documents, print_fault, print_json, print_lines, print_table
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies


def ended(error: BaseException) -> int:
    app = typer.Typer()

    @app.command()
    @replies("truthmap.cli.replies:WrittenFile")
    def command() -> Reply:
        """Fail."""
        raise error

    with pytest.raises(SystemExit) as end:
        main(lambda: app([]))
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("expected this; do that"), ExitCode.FAULT, "truthmap: expected this; do that"),
        (PartialError("a shard failed"), ExitCode.PARTIAL, "truthmap: a shard failed"),
        (OSError(28, "No space left", "file"), ExitCode.FAULT, "file: No space left"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "start the same command again"),
        (Stopped(signal.SIGTERM), ExitCode.TERMINATED, "start the same command again"),
        (ZeroDivisionError("x"), ExitCode.BUG, "a fault of truthmap's own, ZeroDivisionError"),
    ],
)
def test_every_end_has_its_code(
    error: BaseException, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_nothing_but_documents_is_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    with only_documents():
        sys.stdout.write("a library's words\n")
        os.write(1, b"below Python\n")
        subprocess.run([sys.executable, "-c", "print('another process')"], check=True)
        print_json({"é": 1})
    print_lines(["later"])
    shown = capfd.readouterr()
    assert shown.out == '{"é": 1}\nlater\n'
    assert [word in shown.err for word in ("library", "below", "another")] == [True] * 3


def test_quiet_leaves_faults_alone_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking(OutputMode(quiet=True)):
        with Bars().stage("Asking", 3) as advance:
            advance(1)
        Bars().say("news")
        print_fault("truthmap: a fault")
        print_lines(["the result"])
    shown = capsys.readouterr()
    assert shown.err == "truthmap: a fault\n"
    assert shown.out == "the result\n"


@pytest.mark.parametrize(
    ("mode", "environment", "coloured"),
    [
        (OutputMode(), {"FORCE_COLOR": "1"}, True),
        (OutputMode(color=False), {"FORCE_COLOR": "1"}, False),
        (OutputMode(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (OutputMode(), {}, False),
    ],
)
def test_colours_are_where_they_are_wanted(
    mode: OutputMode,
    environment: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with speaking(mode):
        print_table("title", ("a", "b"), [("1", "2")])
    assert ("\x1b[" in capsys.readouterr().out) is coloured


@pytest.mark.parametrize("words", [("questions",), ("questions", "--json")])
def test_a_reader_that_goes_away_is_no_fault(words: tuple[str, ...], tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "truthmap", *words]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == ExitCode.NO_READER
