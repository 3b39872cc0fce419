"""`truthmap run` as its user meets it: what it prints, and one plain line with exit code 2 for every fault."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.small_study import COLUMNS, SHUFFLES

from truthmap.cli.app import main
from truthmap.plain_yaml import read_yaml
from truthmap.settings_base import Option, marker
from truthmap.study.study import settings_of_a_study

SMALL = ("--positions", ",".join(COLUMNS), "--permutations", str(SHUFFLES))

Command = Callable[..., int]


@pytest.fixture
def truthmap(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command line as a function that returns the exit code."""

    def command(*words: str | Path) -> int:
        monkeypatch.setattr("sys.argv", ["truthmap", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return code if isinstance(code, int) else 0 if code is None else 1

    return command


@pytest.fixture
def arguments(tiny_model: Path, tmp_path: Path) -> tuple[str | Path, ...]:
    return ("run", "--model", tiny_model, "--questions", "cities", "--out", tmp_path / "run", "--limit", "12")


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line of standard error, after seeing that there is no traceback."""
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said.strip().splitlines()[-1]


def test_help_names_every_setting_with_its_default(truthmap: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert truthmap("run", "--help") == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for leaf in settings_of_a_study():
        option = marker(leaf.field, Option)
        assert (leaf.option in said) != bool(option and option.in_python)
    for default in ("smollm2", "cities", "auto", "8192", "transformers", "residual"):
        assert f"(default: {default})" in said
    for group in ("Model", "Questions", "Columns of an own file", "Answers", "Grading", "Map", "Where to compute"):
        assert f"─ {group} " in said


def test_settings_are_written_to_a_file_and_options_override_it(
    truthmap: Command, tiny_model: Path, spoken_set: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "study.yaml"
    words = ("--model", tiny_model, "--questions", "spoken", "--positions", ",".join(COLUMNS))
    assert truthmap("run", *words, "--permutations", "0", "--limit", "9", "--write", file) == 0
    assert not (tmp_path / "run").exists()
    assert truthmap("run", file, "--limit", "150", "--out", tmp_path / "run") == 0
    kept = read_yaml((tmp_path / "run" / "study.yaml").read_text())["settings"]
    assert kept["grid"]["permutations"] == 0
    assert kept["questions"] | {"columns": None} == {
        "name": "spoken", "file": None, "split": "train", "limit": 150, "skip_bad": False, "columns": None,
    }  # fmt: skip
    assert truthmap("run", tmp_path / "run" / "study.yaml", "--out", tmp_path / "run") == 0
    assert "nothing to do" in capsys.readouterr().err


def test_a_run_ends_with_its_table(
    truthmap: Command, tiny_model: Path, spoken_set: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "--model", tiny_model, "--questions", "spoken", "--out", tmp_path / "run", *SMALL)
    assert truthmap(*words) == 0
    said = capsys.readouterr().out
    for piece in ("160: ", " right, ", " wrong", "unscored", "Best cell", "AUC where chosen", "AUC on test"):
        assert piece in said
    for piece in ("best text baseline", "best free score", "How well", "How sure", "What next"):
        assert piece in said
    assert max(map(len, said.splitlines())) <= 80 + len(str(tmp_path))  # a path to copy is not broken
    assert said.splitlines()[-1].strip().startswith("truthmap ")
    assert (tmp_path / "run" / "heatmap.png").stat().st_size > 10_000
    assert truthmap(*words) == 0
    assert "nothing to do" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("--model", "no such model!", "unknown model 'no such model!': expected a built-in model (smollm2)"),
        ("--questions", "rivers", "unknown question set 'rivers'"),
        ("--limit", "0", "--limit: "),
        ("--dtype", "int3", "--dtype: "),
        ("--device", "toaster", "device 'toaster' cannot be used here"),
        ("--site", "soul", "--site"),
    ],
)
def test_a_wrong_setting_is_one_line_and_leaves_nothing(
    truthmap: Command,
    arguments: tuple[str | Path, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    said: str,
) -> None:
    assert truthmap(*arguments, name, value) == 2
    assert said in one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_an_unknown_question_set_is_answered_with_the_known_ones(
    truthmap: Command, arguments: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert truthmap(*arguments, "--questions", "rivers") == 2
    line = one_line(capsys)
    for known in ("cities", "us_cities", "larger_city", "arithmetic"):
        assert known in line


def test_a_folder_that_is_no_run_is_left_as_it_is(
    truthmap: Command, arguments: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("precious")
    assert truthmap(*arguments) == 2
    assert "is no run folder" in one_line(capsys)
    assert (tmp_path / "run" / "thesis.tex").read_text() == "precious"


def test_too_few_answers_are_told_with_their_counts_and_are_kept(
    truthmap: Command, arguments: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert truthmap(*arguments) == 2
    line = one_line(capsys)
    assert "unscored" in line
    assert "right" in line
    assert (tmp_path / "run" / "answers.parquet").exists()


def test_a_full_disk_loses_nothing_and_the_run_goes_on_later(
    truthmap: Command,
    tiny_model: Path,
    spoken_set: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("run", "--model", tiny_model, "--questions", "spoken", "--out", tmp_path / "run", *SMALL)
    synced = os.fsync
    room = iter([True] * 14)

    def sync_while_there_is_room(descriptor: int) -> None:
        if not next(room, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", sync_while_there_is_room)
        assert truthmap(*words) == 2
    assert "the disk is full" in one_line(capsys)
    kept = sorted(path for path in (tmp_path / "run").rglob("*.parquet"))
    assert kept
    assert not list((tmp_path / "run").rglob("*.part"))
    assert truthmap(*words) == 0


def test_the_control_characters_of_a_name_do_not_reach_the_terminal(
    truthmap: Command, arguments: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert truthmap(*arguments, "--model", "evil\x1b[2Jname") == 2
    assert "\x1b" not in one_line(capsys)
