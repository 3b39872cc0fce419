"""`truthmap doctor` as its user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from truthmap.cli.app import main

Doctor = Callable[..., int]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Return the command as a function that returns its exit code."""

    def command(*words: str | Path) -> int:
        monkeypatch.setattr("sys.argv", ["truthmap", "doctor", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return command


def test_a_sound_model_gets_a_table_and_exit_code_0(
    doctor: Doctor, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor("--model", tiny_model, "--limit", "40") == 0
    said = capsys.readouterr().out
    for row in ("prompt", "BOS", "batched = single, padded left", "generated = forward", "second pass = forward"):
        assert row in said
    assert "broken" not in said
    assert "A study: 40 answers, " in said
    assert "Every check passed." in said


def test_a_broken_law_is_exit_code_1(
    doctor: Doctor, tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr("truthmap.lm.rounding.TOLERANCES", {torch.float32: -1.0})
    assert doctor("--model", tiny_model, "--limit", "12") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "7 checks failed: states of this model cannot be trusted as they are read now." in said
    assert "rounding explains -1" in said


def test_a_model_that_is_not_there_is_one_line_and_exit_code_2(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor("--model", "no such model") == 2
    said = capsys.readouterr().err
    assert "truthmap: unknown model 'no such model'" in said
    assert "Traceback" not in said


def test_markup_in_a_template_is_shown_as_it_is(
    doctor: Doctor, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(tiny_model, copy)
    (copy / "chat_template.jinja").write_text("{{ messages[0]['content'] }}[b]\x1b")
    assert doctor("--model", copy, "--limit", "12") == 0
    said = capsys.readouterr().out
    assert r"'[b]\x1b'" in said
    assert "\x1b" not in said
