"""What the prompts of a run share is computed once, by whoever runs the model first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_study import small_study

from truthmap.lm import prefix as prefixes
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.tasks import Locating

MODELS = pytest.mark.parametrize("settings", [{}, {"locator": "same", "locating": Locating.MODEL}])


@MODELS
def test_estimate_engine_and_capture_compute_it_once_together(
    settings: dict[str, Any],
    tiny_model: Path,
    spoken_set: QuestionSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    computed: list[int] = []
    compute = prefixes._computed

    def counted(lm: Any, ids: tuple[int, ...]) -> Any:
        computed.append(len(ids))
        return compute(lm, ids)

    monkeypatch.setattr(prefixes, "_computed", counted)
    run_study(small_study(tiny_model, tmp_path / "run", permutations=0, **settings))
    assert len(computed) == 1, "five shards are answered, and read again where a model locates"
