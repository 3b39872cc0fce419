"""What the tests of runs share: a study of the tiny model, and what it finds when nothing happens to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.killing import Reference, numbers

from truthmap.questions.question_set import QuestionSet
from truthmap.study.study import Study, with_settings


@pytest.fixture
def study(tiny_model: Path, tmp_path: Path) -> Study:
    return Study(model=str(tiny_model), questions="spoken", shard=32, out=tmp_path / "run", device="cpu")


@pytest.fixture(scope="session")
def reference(made_once: Path) -> Reference:
    """Return the numbers of the run that nothing happened to, and the seconds it took."""
    stages = json.loads((made_once / "stages.json").read_text())
    return numbers(made_once), sum(stage["seconds"] for stage in stages.values())


@pytest.fixture
def copy(made_once: Path, tmp_path: Path, spoken_set: QuestionSet) -> Path:
    """Return a finished run that may be broken."""
    return shutil.copytree(made_once, tmp_path / "copy")


@pytest.fixture
def done(study: Study, copy: Path) -> Study:
    """Return the study with a run that is finished already."""
    return with_settings(study, {"out": copy})
