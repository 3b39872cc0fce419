"""Runs whose answers another engine gives: the same road, with the model's weights in one place at a time."""

from __future__ import annotations

import weakref
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.engines import VERSION, put_stand_in
from tests.forging import forge_study
from tests.small_study import COLUMNS, small_study

from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.answers.engines.vllm import VllmSettings
from truthmap.answers.prompt import GenerateSettings
from truthmap.errors import ModelError, RunFolderError, UsageError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.models import ModelHolder
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import Run, open_run
from truthmap.store.states import StateStore
from truthmap.study.stage_keys import stage_keys
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Silence


class Told(Silence):
    """Notes stages and news, and stops the run in a stage."""

    def __init__(self, stop_in: str | None = None, at: int = 0) -> None:
        self.stages: list[str] = []
        self.begun: dict[str, int] = {}
        self.news: list[str] = []
        self._stop = (stop_in, at)

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Any:
        self.stages.append(name)
        self.begun[name] = done

        def advance(done: int) -> None:
            if name == self._stop[0] and done >= self._stop[1]:
                raise KeyboardInterrupt

        yield advance

    def say(self, text: str) -> None:
        self.news.append(text)


@pytest.fixture
def study(tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    put_stand_in(monkeypatch)
    monkeypatch.setattr(VllmSettings, "smallest_shard", 64)
    return small_study(tiny_model, tmp_path / "run", engine="vllm", device="cpu")


@pytest.mark.slow
def test_a_run_with_vllm_finds_what_a_local_one_finds(
    study: Study, made_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    start = VllmSettings.start

    def watched(settings: VllmSettings, host: ModelHolder) -> Any:
        weights = weakref.ref(host.model().model)
        engine = start(settings, host)
        held.append(weights() is not None)
        return engine

    monkeypatch.setattr(VllmSettings, "start", watched)
    progress = Told()
    run, local = run_study(study, progress=progress), open_run(made_once)
    assert held == [False], "the weights are gone while vLLM has them"
    assert [a.answer_ids for a in RunData.load(run).answers] == [a.answer_ids for a in RunData.load(local).answers]
    assert RunData.load(run).grades == RunData.load(local).grades
    assert progress.stages.index("Answering") < progress.stages.index("Starting vLLM")
    assert "Capturing states" not in progress.stages, "they are kept while vLLM answers"
    assert run.summary.test.value == pytest.approx(local.summary.test.value, abs=0.02)
    assert any(f"; the answers come from vllm {VERSION}, in its own time" in news for news in progress.news)
    assert run.settings["settings"]["answers"]["engine"]["kind"] == "vllm"


@pytest.mark.slow
def test_ready_answers_among_others_are_scored_by_vllm(
    study: Study, spoken: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = [replace(q, answer=q.accepted[0] if n % 3 else None) for n, q in enumerate(spoken.questions[:120])]
    given = replace(spoken, questions=tuple(mixed))
    monkeypatch.setattr("truthmap.study.stage_settings.load_questions", lambda _name, _settings: given)
    found = RunData.load(run_study(study)).answers
    here = RunData.load(run_study(with_settings(study, {"engine": "transformers", "out": tmp_path / "here"}))).answers
    assert [a.answer_ids for a in found] == [a.answer_ids for a in here]
    assert all(len(a.log_probs) == len(a.answer_ids) for a in found)
    for one, other in zip(found, here, strict=True):
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-3)


@pytest.mark.slow
def test_a_stopped_run_goes_on_and_samples_by_the_same_engine(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_study(study, progress=Told("Answering", 65))
    progress = Told()
    run = run_study(study, progress=progress)
    assert progress.begun["Answering"] == 64
    drawn = sample_answers(run, SampleSettings(k=2, part="test"))
    assert all(len({a.answer_ids for a in own}) == 2 for own in list(drawn.answers.values())[:5])
    monkeypatch.setattr("truthmap.answers.engines.vllm.vllm_version", lambda: "9.9")
    with pytest.raises(
        RunFolderError, match=rf"the answers in .* are from vllm {VERSION.replace('+', '.')}, .* vllm 9.9"
    ):
        sample_answers(run, SampleSettings(k=3, part="test"))


@pytest.mark.slow
def test_a_vllm_that_dies_is_started_again(study: Study, spoken: QuestionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_FAULT", "die")
    with pytest.raises(ModelError, match="vLLM has ended"):
        run_study(study)
    assert not (study.out / "answers.parquet").exists()
    assert (study.out / "questions.parquet").exists()
    run = ActiveRun(study, RunFolder(study.out), stage_keys(study), spoken)
    with closing(run):
        prompts = [run.prompt(question) for question in run.question_set.questions[:1]]
        with pytest.raises(ModelError, match="vLLM has ended"):
            list(run.engine.answer(prompts, GenerateSettings()))
        monkeypatch.delenv("STAND_IN_FAULT")
        (batch,) = run.engine.answer(prompts, GenerateSettings(max_new_tokens=4))
        assert batch.answers[0].answer_ids


def test_an_engine_that_is_not_installed_is_told_at_the_start(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.answers.engines.vllm.vllm_version", lambda: None)
    with pytest.raises(UsageError, match=r"needs vLLM: pip install 'truthmap\[vllm\]'"):
        run_study(study)
    assert not study.out.exists()


def test_the_engine_is_part_of_the_key_and_how_fast_it_is_is_not(study: Study) -> None:
    keys = stage_keys(study)
    local = with_settings(study, {"engine": "transformers"})
    assert stage_keys(local)["answers"] != keys["answers"]
    assert stage_keys(local)["questions"] == keys["questions"]
    assert stage_keys(with_settings(study, {"tensor_parallel": 4, "gpu_memory": 0.5})) == keys
    at = {"engine": "openai", "endpoint": "http://127.0.0.1:1/v1", "endpoint_model": "m"}
    there = stage_keys(with_settings(study, at))
    assert stage_keys(with_settings(study, at | {"endpoint": "http://127.0.0.1:2/v1"})) == there
    assert stage_keys(with_settings(study, at | {"endpoint_model": "n"}))["answers"] != there["answers"]


def test_a_run_of_a_version_with_fewer_settings_goes_on(finished: Run, tiny_model: Path) -> None:
    def without_some(content: dict[str, Any]) -> None:
        del content["settings"]["answers"]["engine"], content["settings"]["grid"]["text_model"]

    forge_study(finished.path, without_some)
    study = small_study(tiny_model, finished.path)
    progress = Told()
    run_study(study, progress=progress)
    assert any("nothing to do" in news for news in progress.news)
    with pytest.raises(RunFolderError, match="engine was 'transformers', is 'vllm'"):
        run_study(with_settings(study, {"engine": "vllm"}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "openai"}, "--endpoint-model: Field required"),
        ({"endpoint_model": "m"}, "--endpoint-model goes with --engine openai"),
        ({"endpoint": "http://h/v1"}, "--endpoint goes with --engine openai"),
        (
            {"engine": "openai", "endpoint": "localhost:8000", "endpoint_model": "m"},
            "--endpoint: 'localhost:8000' names no endpoint: expected",
        ),
        ({"engine": "vllm", "quantization": "4bit"}, "vllm cannot read what transformers quantizes"),
        ({"engine": "vllm", "gpu_memory": 1.5}, r"--gpu-memory: .* \(got 1.5\)"),
        ({"engine": "llama"}, "--engine: .*transformers, vllm, openai"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        Study(**{"model": "smollm2", "out": tmp_path, **settings})


def test_an_endpoint_is_asked_for_before_anything_is_written(study: Study) -> None:
    with pytest.raises(UsageError, match="engine openai needs --endpoint: where the API of 'm' begins"):
        run_study(with_settings(study, {"engine": "openai", "endpoint_model": "m"}))
    assert not study.out.exists()


def test_a_key_in_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set TRUTHMAP_ENGINE_KEY instead") as caught:
        Study(model="smollm2", out=tmp_path, engine="openai", endpoint="http://me:secret-7@h/v1", endpoint_model="m")
    assert "secret-7" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "stages"),
    [
        ({"capture": "transformers"}, ["Starting vLLM", "Capturing states"]),
        ({"engine": "transformers", "capture": "vllm"}, ["Capturing states", "Starting vLLM"]),
        ({"positions": ",".join((*COLUMNS, "mean(prompt)"))}, ["Starting vLLM", "Capturing states"]),
    ],
)
def test_states_may_be_read_by_vllm_or_transformers(
    study: Study, made_once: Path, given: dict[str, str], stages: list[str]
) -> None:
    progress = Told()
    run_study(with_settings(study, given), progress=progress)
    assert [stage for stage in progress.stages if stage in stages] == stages
    found, wanted = StateStore(study.out / "states"), StateStore(made_once / "states")
    assert found.ids == wanted.ids
    for layer in range(2):
        states = found.read_layer(Site.RESIDUAL, layer).states[: len(wanted.positions)]
        torch.testing.assert_close(states, wanted.read_layer(Site.RESIDUAL, layer).states, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_states_of_vllm_that_differ_are_not_taken(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_SHIFT", "0.01")
    with pytest.raises(ModelError, match=r"does not give this model's states \(site residual.*--capture transformers"):
        run_study(with_settings(study, {"capture": "vllm"}))
    progress = Told()
    run_study(study, update=True, progress=progress)
    assert any("does not give this model's states" in news for news in progress.news)
    assert "Capturing states" in progress.stages
