"""What the tests of runs share: a study of the tiny model, and what it finds when nothing happens to it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from tests.killing import Reference, numbers, run_to_end, start

from truthmap.questions.question_set import QuestionSet
from truthmap.study.study import Study


@pytest.fixture
def study(tiny_model: Path, tmp_path: Path) -> Study:
    return Study(model=str(tiny_model), questions="spoken", shard=32, out=tmp_path / "run", device="cpu")


@pytest.fixture(scope="session")
def reference(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Return the numbers of the run that nothing happened to, and the seconds it took."""
    out = tmp_path_factory.mktemp("reference") / "run"
    whole = Study(model=str(tiny_model), questions="spoken", shard=32, out=out, device="cpu")
    running = start(whole, spoken)
    running.wait_until_begun()
    begun = time.monotonic()
    assert running.ended().code == 0
    return numbers(out), time.monotonic() - begun


@pytest.fixture(scope="session")
def made_apart(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that a process of its own has finished, to be copied."""
    out = tmp_path_factory.mktemp("apart") / "run"
    assert (
        run_to_end(Study(model=str(tiny_model), questions="spoken", shard=32, out=out, device="cpu"), spoken).code == 0
    )
    return out


@pytest.fixture
def copy(made_apart: Path, tmp_path: Path, spoken_set: QuestionSet) -> Path:
    """Return a finished run that may be broken."""
    return shutil.copytree(made_apart, tmp_path / "copy")
