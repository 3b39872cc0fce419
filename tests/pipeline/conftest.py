"""What the tests of faults share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.analyses.thinking_rows import run_of_thoughts
from tests.fault_commands import complete, complete_thoughts
from tests.killing import run_to_end

from truthmap.questions.question_set import QuestionSet
from truthmap.study.study import Study


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 300 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk]
    if sys.platform != "linux" or os.getuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("a small disk can be mounted by root on Linux only")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture(scope="session")
def whole(made_once: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a run that has all that can be added to one; nobody may write into it."""
    folder = shutil.copytree(made_once, tmp_path_factory.mktemp("whole") / "run")
    study = Study(model=str(tiny_model), questions="spoken", shard=32, out=folder, device="cpu")
    ended = run_to_end(study, spoken, act=complete)
    assert ended.code == 0, ended.fault
    return folder


@pytest.fixture(scope="session")
def thinking_run(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of answers that think, with what there is to be learned of thoughts; nobody may write into it."""
    run = run_of_thoughts(tiny_model, tmp_path_factory.mktemp("thinking") / "run")
    study = Study(model=str(tiny_model), questions="spoken", out=run.path, device="cpu")  # for where it is alone
    ended = run_to_end(study, spoken, act=complete_thoughts)
    assert ended.code == 0, ended.fault
    return run.path
