"""A run of answers that think, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.analyses.thinking_rows import run_of_thoughts

from truthmap.runs.run import Run


@pytest.fixture(scope="session")
def thinking(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of ready answers that think."""
    return run_of_thoughts(tiny_model, tmp_path_factory.mktemp("thinking") / "run")
