"""A stand-in for vLLM that truthmap's host process finds in the place of the real one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

STAND_IN = Path(__file__).parent / "answers" / "stand_in"
VERSION = "0.0.1+stand-in"


def put_stand_in(patch: pytest.MonkeyPatch) -> None:
    """Let `import vllm` in processes started from here find the stand-in, and let it count as installed."""
    here = [str(STAND_IN), *filter(None, [os.environ.get("PYTHONPATH")])]
    patch.setenv("PYTHONPATH", os.pathsep.join(here))
    patch.setattr("truthmap.answers.engines.vllm.vllm_version", lambda: VERSION)
