"""`truthmap show RUN --answer ID`: one answer, its tokens shaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_run import HOSTILE, Made, make_run
from typer.testing import CliRunner

from truthmap.cli.app import app


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show") / "run"
    make_run(folder, Made(n=40, layers=2, texts=HOSTILE))
    return folder


def test_an_answer_is_shown_with_what_the_map_reads_in_it(run: Path) -> None:
    done = CliRunner().invoke(app, ["show", str(run), "--answer", "q00001"])
    assert done.exit_code == 0, done.output
    assert "Which city is number 1?" in done.output
    assert "old city." in done.output
    assert "at exact_answer_after_last" in done.output


def test_a_hostile_answer_is_text_where_it_is_shown(run: Path) -> None:
    shown = [CliRunner().invoke(app, ["show", str(run), "--answer", f"q{n:05d}", "--by", "log_prob"]) for n in range(9)]
    assert [each.exit_code for each in shown] == [0] * 9
    assert not any(mark in each.output for each in shown for mark in ("\x1b", "\x07", "\u202e"))


def test_an_unknown_answer_is_refused(run: Path) -> None:
    done = CliRunner().invoke(app, ["show", str(run), "--answer", "nobody"])
    assert done.exit_code != 0
    assert "no answer 'nobody'" in str(done.exception)
