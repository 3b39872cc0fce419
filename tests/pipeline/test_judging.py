"""Models that decide which samples say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from truthmap.analyses import ByJudge, ByMeaning
from truthmap.answers import GenerateSettings, Prompt, generate_answers
from truthmap.errors import UsageError
from truthmap.lm import load_model
from truthmap.pipeline import Run
from truthmap.pipeline.comparing import compare_run
from truthmap.pipeline.judging import LocalAsker, chosen_equivalence
from truthmap.pipeline.sample_settings import SampleSettings
from truthmap.pipeline.sampling import sample_answers
from truthmap.pipeline.where import Where


def test_a_local_asker_gives_the_models_greedy_replies_in_order(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    texts = ["Which city of Japan is it, and is it the city of Peru?", "Paris?", "Is it in France?"]
    replies = LocalAsker(lm, max_new_tokens=5).ask(texts)
    for text, reply in zip(texts, replies, strict=True):
        (batch,) = generate_answers(lm, [Prompt("q", lm.prompt_ids(text))], GenerateSettings(max_new_tokens=5))
        assert reply == batch.answers[0].text


def test_by_default_the_exact_answer_decides() -> None:
    assert isinstance(chosen_equivalence(None, None, Where()), ByMeaning)
    with pytest.raises(UsageError, match="not both"):
        chosen_equivalence("one", "other", Where())


def test_a_judge_can_decide_in_a_comparison(finished: Run, tiny_model: Path) -> None:
    sample_answers(finished, SampleSettings(k=2, part="test"))
    judge = chosen_equivalence(None, str(tiny_model), Where(device="cpu"))
    assert isinstance(judge, ByJudge)
    result = compare_run(finished, ask_model=False, equivalence=judge)
    assert result.equivalence == "ByJudge"
    assert result.method("semantic entropy").passes > 0
