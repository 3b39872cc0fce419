"""Whatever is shown is text: nothing in it moves the cursor, sets a title, fills a clipboard or changes a colour."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from truthmap.terminal.output import print_json, print_lines, print_table, terminal
from truthmap.terminal.progress import Bars

HOSTILE = ["\x1b]0;title\x07", "\x1b[2J", "\x1b]52;c;cHdu\x07", "\x9b31m", "\x07\x08\r\x00", "\u202eabc", "\ud800"]


def on_a_terminal(text: str) -> None:
    console = terminal()
    console._force_terminal = True
    console.print(Text(text), Table(title=text))
    console.print(text)


def in_a_table(text: str) -> None:
    print_table(text, (text, "b"), [(text, text)])


def as_news(text: str) -> None:
    with Bars().stage(text, 3) as advance:
        advance(1)
        Bars().say(text)


WRITERS = [lambda text: print_lines([text]), in_a_table, print_json, as_news, on_a_terminal]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_is_written(
    write: Callable[[str], None], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(f"before{text}after")
    shown = "".join(capsys.readouterr())
    own = shown.replace("\x1b[0m", "").replace("\x1b[3m", "").replace("\x1b[1m", "")
    assert "before" in own
    assert [c for c in own if not c.isprintable() and c != "\n"] == []


def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(["[red]a[/red] [/] :smile:"])
    Bars().say("[bold]b")
    in_a_table("[link=x]c[/link]")
    shown = "".join(capsys.readouterr())
    for text in ("[red]a[/red] [/] :smile:", "[bold]b", "[link=x]c[/link]"):
        assert text in shown


@pytest.mark.parametrize("text", [*HOSTILE, "é 東京 🙂", 'a "b" \\ \n\t'])
def test_json_says_the_same_in_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({text: [text]})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {text: [text]}


def test_a_long_line_stays_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(["a b " * 500])
    assert capsys.readouterr().out == "a b " * 500 + "\n"


def truthmap(*given: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "truthmap", *given]
    with Path(surroundings.pop("out", os.devnull)).open("w") as out:
        own = os.environ | surroundings
        return subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, env=own, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_that_cannot_be_written_is_one_line() -> None:
    done = truthmap("--version", out="/dev/full")
    assert done.returncode == 2
    assert (
        done.stderr
        == "truthmap: the output cannot be written: No space left on device; send it elsewhere (faults.html#storage)\n"
    )


def test_a_terminal_without_unicode_is_written_to() -> None:
    done = truthmap("verify", "nö\udcff-run", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
