"""Files are whole or absent, and as open to others as any other file of the user's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from truthmap.files import atomic_write


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
