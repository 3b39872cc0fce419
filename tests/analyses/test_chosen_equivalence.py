"""Models that decide which samples say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from truthmap.analyses.compare.run import compare_run
from truthmap.analyses.equivalence import ByCanonical, ByJudge, chosen_equivalence
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.errors import UsageError
from truthmap.grading.text_model import EndpointTextModel
from truthmap.runs.run import Run
from truthmap.study.reopen_settings import ReopenSettings


def test_by_default_the_exact_answer_decides() -> None:
    assert isinstance(chosen_equivalence(None, None, ReopenSettings()), ByCanonical)
    with pytest.raises(UsageError, match="not both"):
        chosen_equivalence("one", "other", ReopenSettings())


def test_an_address_is_an_endpoint() -> None:
    judge = chosen_equivalence(None, "http://127.0.0.1:1/v1#name", ReopenSettings())
    assert isinstance(judge, ByJudge)
    assert isinstance(judge.judge, EndpointTextModel)


def test_a_judge_can_decide_in_a_comparison(finished: Run, tiny_model: Path) -> None:
    sample_answers(finished, SampleSettings(k=2, part="test"))
    judge = chosen_equivalence(None, str(tiny_model), ReopenSettings.of({"device": "cpu"}))
    assert isinstance(judge, ByJudge)
    result = compare_run(finished, ask_model=False, equivalence=judge)
    assert result.equivalence == "ByJudge"
    assert result.method("semantic entropy").passes > 0
