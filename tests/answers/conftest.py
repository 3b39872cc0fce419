"""One engine over the stand-in for vLLM, for all tests that need no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import STATE_SITES, launch, put_stand_in

from truthmap.answers.engines.vllm_engine import VllmEngine
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.meta_model import meta_model
from truthmap.lm.model import LanguageModel


@pytest.fixture(scope="session")
def lm(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model), LoadSettings(device="cpu"))


@pytest.fixture(scope="session")
def engine(lm: LanguageModel) -> Iterator[VllmEngine]:
    """Return an engine that keeps states, cuts prompts into pieces and has a cache of small blocks."""
    with pytest.MonkeyPatch.context() as patch:
        put_stand_in(patch)
        patch.setenv("STAND_IN_BLOCK", "4")
        started = VllmEngine(meta_model(lm), launch(lm, STATE_SITES, step=7))
    yield started
    started.close()
