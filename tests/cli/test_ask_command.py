"""`truthmap ask` without a question: one load, a question after the other, and a clean end."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from truthmap.cli.app import app
from truthmap.cli.ask_loop import ask_each, piped_questions, typed_questions
from truthmap.errors import PartialError, UsageError


def test_each_line_of_a_pipe_is_a_question() -> None:
    assert list(piped_questions(io.StringIO("\nWhich?\r\n\n  Who? \nlast"))) == ["Which?", "Who?", "last"]


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_a_pipe_without_a_question_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no question came through the pipe; give one"):
        list(piped_questions(io.StringIO(text)))


def test_a_pipe_that_is_not_text_is_refused() -> None:
    with pytest.raises(UsageError, match="expected UTF-8"):
        list(piped_questions(io.TextIOWrapper(io.BytesIO(b"Which?\n\xff\n"), encoding="utf-8")))
    with pytest.raises(UsageError, match="nothing to read questions from"):
        list(piped_questions(None))


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_the_prompt_ends_cleanly(end: type[BaseException]) -> None:
    typed: Iterator[str | type[BaseException]] = iter(["Which?", "  ", "Who?", end])

    def read(_prompt: str) -> str:
        line = next(typed)
        if isinstance(line, str):
            return line
        raise line

    assert list(typed_questions(read)) == ["Which?", "Who?"]


def test_a_question_that_cannot_be_asked_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def answer(text: str) -> None:
        asked.append(text)
        if text == "b":
            raise UsageError("it is\ntoo long")

    with pytest.raises(PartialError, match="1 of 3 questions could not be asked"):
        ask_each(iter("abc"), answer)
    assert asked == ["a", "b", "c"]
    assert capsys.readouterr().err == "truthmap: it is too long (faults.html#usage)\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Which?", "--batch", "q.csv", "--out", "v.csv"], "give one question, or a file"),
        (["--answer", "France"], "--answer goes with the question"),
        (["--out", "v.csv"], "--batch and --out go together"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        app(["ask", "nowhere", *arguments], standalone_mode=False)


def test_a_pipe_of_questions_gives_a_verdict_each(
    sealed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Which 1 is 31?\n\nWhich 2 is 62?"))
    app(["ask", str(sealed), "--json"], standalone_mode=False)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["question"] for row in rows] == ["Which 1 is 31?", "Which 2 is 62?"]


@pytest.mark.slow
def test_a_terminal_asks_until_its_end(sealed: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "truthmap", "ask", str(sealed)]
    asking = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"Which 1 is 31?\n\x04")
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    assert asking.wait(timeout=60) == 0
    assert shown.count(b"Question: ") == 2
    assert b"Before answering" in shown or b"claimed" in shown or b"trust" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end was closed
        return b""
