"""A stand-in for vLLM that truthmap's host process finds in the place of the real one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from truthmap.answers.engines.vllm_launch import VllmLaunch
from truthmap.lm.model import LanguageModel
from truthmap.records import Site

STAND_IN = Path(__file__).parent / "answers" / "stand_in"
VERSION = "0.0.1+stand-in"


def put_stand_in(patch: pytest.MonkeyPatch) -> None:
    """Let `import vllm` in processes started from here find the stand-in, and let it count as installed."""
    here = [str(STAND_IN), *filter(None, [os.environ.get("PYTHONPATH")])]
    patch.setenv("PYTHONPATH", os.pathsep.join(here))
    patch.setattr("truthmap.answers.engines.vllm.vllm_version", lambda: VERSION)


LONGEST = 60
"""Tokens of the longest sequence in the tests of vLLM."""
STATE_SITES = (Site.RESIDUAL, Site.MLP, Site.MLP_POST, Site.ATTENTION, Site.HEAD)


def launch(
    lm: LanguageModel, sites: tuple[Site, ...] = (), longest: int = LONGEST, step: int | None = None
) -> VllmLaunch:
    """Return what a vLLM with this model is started with."""
    dtype = str(lm.dtype).removeprefix("torch.")
    return VllmLaunch(lm.name, None, dtype, trust_remote_code=False, longest=longest, sites=sites, step_tokens=step)
