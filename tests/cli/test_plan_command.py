"""`truthmap plan` as its user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from truthmap.cli.app import main

Command = Callable[..., int | str]


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command as a function that returns its exit code."""

    def command(*words: str | Path) -> int | str:
        monkeypatch.setattr("sys.argv", ["truthmap", "plan", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0

    return command


@pytest.fixture
def bare(tiny_model: Path, tmp_path: Path) -> Path:
    """Return a folder with a model's configuration, and nothing else."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_bytes((tiny_model / "config.json").read_bytes())
    return tmp_path / "bare"


def test_a_configuration_alone_gives_the_plan(plan: Command, bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("--model", bare, "--questions", "5000", "--samples", "3", "--gpus", "2", "--max-new-tokens", "20") == 0
    said = capsys.readouterr().out
    for words in ("5,000, and 3 samples of each", "one GPU", "one node, tensor parallel over 2", "Ray cluster", "h100"):
        assert words.lower() in said.lower()
    assert f"truthmap run --questions QUESTIONS --model {bare} --max-new-tokens 20 --device cuda --out RUN" in said
    assert "truthmap sample s3://BUCKET/RUN --k 3 --cluster auto --gpus-per-worker 1" in said


def test_a_question_set_is_counted_and_its_prompts_are(
    plan: Command, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("question,answer\n" + "Which city is it?,Paris\n" * 1 + "Which country is Peru?,Peru\n")
    assert plan("--model", tiny_model, "--questions", file, "--gpus", "1", "--max-new-tokens", "8") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "questions 2, and 0 samples of each" in said
    assert "answer 8 tokens, at most 8" in said


def test_unknown_rates_are_refused_by_name(plan: Command, bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("--model", bare, "--questions", "5", "--rates", "b200") == 2
    assert "there are no rates 'b200' for 8 GPUs; --rates takes h100, here" in capsys.readouterr().err
    assert plan("--model", bare, "--questions", "5", "--rates", "h100", "--gpus", "0") == 2
    assert "--rates takes here" in capsys.readouterr().err
