"""A whole study of kinds of models that are no plain decoders, to its report (`make families` makes more of them)."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.families.runs import MODELS, study_of

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
TRIED = ("Mamba-2", "Qwen3-VL, with vision")


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIED)
def test_a_study_is_made_from_questions_to_the_report(name: str, tmp_path: Path) -> None:
    made = study_of(name, tmp_path)
    right, wrong, unscored = made.outcomes
    assert right + wrong + unscored == 120
    assert min(right, wrong) > 40
    layers, positions, cells = made.shape
    assert positions == 15
    assert cells > layers * 8
    assert made.report > 100_000


def test_the_kinds_that_people_use_most_are_studied() -> None:
    assert len(MODELS) == 12
