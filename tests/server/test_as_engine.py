"""truthmap's own server as the engine of a study: the whole road, against the same run made here."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.small_study import small_study

from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.answers.engines.openai_engine import EndpointReply, retold
from truthmap.answers.log_likelihood import score_tokens
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.endpoint import Endpoint
from truthmap.errors import ModelError, UsageError
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Silence


@pytest.fixture
def study(address: str, tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path) -> Study:
    return small_study(
        tiny_model,
        tmp_path / "run",
        device="cpu",
        engine="openai",
        endpoint=f"{address}/v1",
        endpoint_model=tiny_model.name,
    )


class Told(Silence):
    def __init__(self) -> None:
        self.begun: dict[str, int] = {}
        self.news: list[str] = []

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Any:
        self.begun[name] = done
        yield lambda _done: None

    def say(self, text: str) -> None:
        self.news.append(text)


def test_a_run_over_the_server_has_the_texts_of_a_local_one(study: Study, address: str, made_once: Path) -> None:
    progress = Told()
    run, local = run_study(study, progress=progress), open_run(made_once)
    lm = load_model(study.model.name, LoadSettings(device="cpu"))
    settings = GenerateSettings(max_new_tokens=max(len(a.answer_ids) for a in RunData.load(local).answers))
    for here, there in zip(RunData.load(local).answers, RunData.load(run).answers, strict=True):
        prompt = Prompt(here.question_id, here.prompt_ids)
        wanted = retold(lm, prompt, EndpointReply(here.text, here.finished, None), settings)
        assert (there.prompt_ids, there.answer_ids, there.finished) == (here.prompt_ids, wanted.ids, wanted.finished)
        (score,) = score_tokens(lm, [(there.prompt_ids, there.answer_ids)], 512)
        assert there.log_probs == pytest.approx(score.log_probs, abs=1e-3)
    assert not any("it asks in another way" in news for news in progress.news), "the prompts have as many tokens"
    assert len(RunData.load(run).states.ids) == run.summary.right + run.summary.wrong
    assert "http" not in (run.path / "study.yaml").read_text(), "a folder does not tell where to send prompts and key"
    with pytest.raises(UsageError, match="engine openai needs --endpoint"):
        sample_answers(run, SampleSettings(k=2, part="test"))
    drawn = sample_answers(run, SampleSettings(k=2, part="test"), reopening=ReopenSettings(endpoint=f"{address}/v1"))
    assert all(len(a.log_probs) == len(a.answer_ids) for own in drawn.answers.values() for a in own)


@pytest.mark.slow
def test_an_endpoint_that_dies_costs_no_finished_shard(
    study: Study, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from truthmap.answers.engines import openai_engine as endpoint_engine

    send, calls = endpoint_engine.send_all, []

    def dying(endpoint: Endpoint, *rest: Any) -> Any:
        calls.append(1)
        gone = replace(endpoint, url="http://127.0.0.1:9/v1", sleep=lambda _: None)
        return send(gone if len(calls) > 2 else endpoint, *rest)

    moved = with_settings(study, {"endpoint": f"{address}/v1".replace("127.0.0.1", "localhost")})
    with monkeypatch.context() as patch:
        patch.setattr(endpoint_engine, "send_all", dying)
        with pytest.raises(ModelError, match=r"http://127.0.0.1:9/v1 gave no answer .*start the same command again"):
            run_study(moved)
    progress = Told()
    run_study(study, progress=progress)
    assert progress.begun["Answering"] == 2 * 32


def test_a_missing_model_is_named_with_those_served(study: Study, tiny_model: Path) -> None:
    with pytest.raises(ModelError, match=rf"status 404: there is no model 'other' .*it has .*{tiny_model.name}"):
        run_study(with_settings(study, {"endpoint_model": "other"}))
