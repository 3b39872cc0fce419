"""A run of answers that think, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.analyses.thinking_rows import PLACES, row

from truthmap.pipeline.runner import run_study
from truthmap.runs.run import Run
from truthmap.study.study import Study


@pytest.fixture(scope="session")
def thinking(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of ready answers that think."""
    return run_study(
        Study(
            model=str(tiny_model),
            questions=[row(n) for n in range(90)],
            positions=PLACES,
            permutations=4,
            out=tmp_path_factory.mktemp("thinking") / "run",
            device="cpu",
        )
    )
