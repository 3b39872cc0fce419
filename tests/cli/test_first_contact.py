"""What a stranger types first: help, misspelt names, paths, a run to look at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from truthmap._version import __version__
from truthmap.cli.app import app, main
from truthmap.terminal import completion


def shown(*words: str, width: int = 80) -> str:
    result = CliRunner(env={"COLUMNS": str(width), "TERM": "dumb", "NO_COLOR": "1"}).invoke(app, [*words])
    assert result.exit_code == 0, result.output
    return result.output


def fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["truthmap", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err.removeprefix("Loading the model …\n")
    assert said.count("\n") == 1, said
    return said


@pytest.mark.parametrize("command", [(), ("run",), ("questions",), ("show",), ("figure",), ("ask",)])
def test_short_and_long_help_are_the_same(command: tuple[str, ...]) -> None:
    assert shown(*command, "-h") == shown(*command, "--help")
    assert shown("--version").strip() == f"truthmap {__version__}"


def test_flags_take_nothing_and_long_values_are_not_broken() -> None:
    for command in ("run", "detector", "labels", "figure"):
        said = shown(command, "-h")
        assert "<bool>" not in said
        assert max(map(len, said.splitlines())) <= 80
    words = set(re.findall(r"[\w.]+", shown("run", "-h")))
    assert {"candidates", "choice", "judge", "mlp_post", "attention", "bfloat16", "float16"} <= words


def test_groups_have_names_and_say_what_a_command_does() -> None:
    said = shown("run", "-h")
    for group in ("Model", "Questions", "Answers", "Grading", "Map", "Study", "Where to compute"):
        assert f"─ {group} ─" in said
    assert "Killed at any time, the same command goes on where it stopped." in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("questions", "citis"), "unknown question set 'citis' (did you mean cities?)"),
        (("questions", "./nowhere"), "there is no file ./nowhere: expected one that ends in"),
        (("questions", "../no/where/"), "there is no file ../no/where/"),
        (("doctor", "--model", "./nowhere"), "there is no folder ./nowhere"),
        (("doctor", "--model", "~/nowhere/"), "there is no folder ~/nowhere/"),
        (
            ("run", "--site", "soul"),
            "--site: Input should be 'residual', 'mlp', 'mlp_post', 'attention', 'head' or 'mixer'",
        ),
        (("run", "--out", "file/x", "--limit", "3"), "file/x cannot be written: file is a file, and no folder"),
        (("run", "--out", "file/x/y", "--limit", "3"), "file/x/y cannot be written: file is a file, and no folder"),
        (("run", "--write", "file/x.yaml"), "file/x.yaml cannot be written: file is a file, and no folder"),
        (("show", "nowhere"), "nowhere is no run folder"),
        (("run", "--track", "mlfow"), "there is no tracker 'mlfow'; expected one of mlflow, tensorboard, wandb"),
        (("scores", "nowhere", "--to", "xml"), "there is no format 'xml'; expected one of lm-eval, inspect, csv"),
        (("audit", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_a_fault_is_one_line_that_says_what_to_do(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    found = fault(monkeypatch, capsys, *words)
    assert said in found
    assert found.count("--site") <= 1


def test_a_misspelt_command_is_told_its_likely_name() -> None:
    result = CliRunner().invoke(app, ["detectr"])
    assert "Did you mean 'detector'" in result.output


def test_a_run_is_shown_again_and_audited_by_its_folder(made_once: Path, tmp_path: Path) -> None:
    assert "Best cell" in shown("show", str(made_once))
    result = CliRunner().invoke(app, ["audit", str(made_once)])
    assert "0 rows graded right and 0 graded wrong are filled in" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("truthmap ru", ["run", "runs"]),
        ("truthmap runs ", ["list", "compare", "remove"]),
        ("truthmap run --track ", ["mlflow", "tensorboard", "wandb"]),
        ("truthmap scores RUN --to i", ["inspect"]),
        ("truthmap show --j", ["--json"]),
    ],
)
def test_the_shell_is_told_what_can_come_next(words: str, offered: list[str]) -> None:
    told = {"_TRUTHMAP_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert CliRunner(env=told).invoke(app, [], prog_name="truthmap").output.split() == offered


def test_the_shell_completes_names_files_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("runs/one", "runs/two", "elsewhere"):
        Path(name).mkdir(parents=True)
    Path("runs/one/study.yaml").touch()
    Path("own.csv").touch()
    Path("notes.txt").touch()
    assert completion.question_sets("ci") == ["cities"]
    assert completion.question_sets("ow") == ["own.csv"]
    assert completion.runs("") == ["runs/one", "runs/two/", "elsewhere/", "runs/"]
    assert completion.runs("runs/o") == ["runs/one"]
    assert completion.models("smol") == ["smollm2"]
    assert completion.of_names(["mlp", "mlp_post", "head"])("mlp") == ["mlp", "mlp_post"]
