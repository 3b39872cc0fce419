"""Paths that no file can have, pipes, devices and folders in the place of files: one line, at once."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from truthmap.cli.app import main
from truthmap.errors import ModelError
from truthmap.lm.load import load_model

LONG = "a" * 300
COMMANDS = [
    ["questions", "{}"],
    ["questions", "movies", "--questions-file", "{}"],
    ["run", "--questions", "{}.csv"],
    ["verify", "{}"],
    ["report", "{}"],
    ["figure", "{}", "heatmap", "--out", "x.png"],
    ["audit", "{}"],
    ["ask", "{}", "Which?"],
]


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.mkfifo("pipe.csv")
    Path("nowhere-link").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    Path("file").write_text("x")
    return tmp_path


@pytest.mark.parametrize("path", ["pipe", "nowhere-link", "loop", "file/x", LONG, "b\udcff", "/dev/zero", "a\nb"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_odd_path_is_one_line(
    odd: Path, command: list[str], path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["truthmap", *(part.format(path) for part in command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("truthmap: ")
    assert line.isprintable()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_pipe_in_a_models_folder_is_named(tiny_model: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(ModelError, match=f"{name} in it is a pipe or a device"):
        load_model(str(copy))
