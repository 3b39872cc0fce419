"""Files are whole or absent, and as open to others as any other file of the user's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from truthmap.errors import DamagedFileError, StorageError
from truthmap.files import atomic_write, read_regular, write_text


def test_files_can_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    with atomic_write(tmp_path / "states.safetensors") as beside:
        save_file({"x": torch.zeros(1)}, beside)
        beside.chmod(0o600)
    assert (tmp_path / "states.safetensors").stat().st_mode == ordinary.stat().st_mode


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_writer_left_is_swept_and_a_living_ones_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    dead, other = tmp_path / ".file.0123abcd.part", tmp_path / ".another.0123abcd.part"
    for leftover in (dead, other):
        leftover.write_text("half")
    with atomic_write(path) as living:
        living.write_text("one")
        with atomic_write(path) as beside:
            beside.write_text("two")
        assert living.exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == [other.name, "file"]
    assert path.read_text() == "one"


@pytest.mark.parametrize("kind", [os.mkfifo, Path.mkdir])
def test_only_files_are_written_over(tmp_path: Path, kind: Callable[[Path], None]) -> None:
    kind(tmp_path / "file")
    with pytest.raises(StorageError, match="is no file and is left as it is"):
        write_text(tmp_path / "file", "text")
    assert not (tmp_path / "file").is_file()


@pytest.mark.parametrize("name", ["x" * 300, "file/below", "link/below"])
def test_whatever_a_disk_says_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StorageError) as told:
        write_text(tmp_path / name, "text")
    assert len(str(told.value).splitlines()) == 1


def test_a_full_disk_is_known_by_its_words_too(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the disk is full"), atomic_write(tmp_path / "file"):
        raise OSError("IOError: No space left on device (os error 28)")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedFileError, match="is no regular file"):
        read_regular(tmp_path / "pipe", 10)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(DamagedFileError, match="it has 5 bytes, expected at most 4"):
        read_regular(tmp_path / "file", 4)
