"""The whole road on a random two-layer model: what a run leaves, and that a killed run ends as if never killed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.small_study import small_study

from truthmap.errors import NotEnoughDataError, RunFolderError
from truthmap.files import file_digest
from truthmap.pipeline.runner import run_study
from truthmap.positions import PAPER
from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.records import Outcome, Question, Site
from truthmap.runs.data import RunData
from truthmap.runs.folder import RunFolder, run_folder
from truthmap.runs.run import Run, open_run
from truthmap.store.tensors import TensorReader
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Advance, Silence


class Killed(BaseException):
    """Stands for a kill: nothing in the program may catch it."""


class Recorder(Silence):
    """Notes what a run shows, and kills it at a chosen moment."""

    def __init__(self, kill_in: str | None = None, kill_at: int = 0) -> None:
        self.stages: list[str] = []
        self.news: list[str] = []
        self._kill = (kill_in, kill_at)

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Iterator[Advance]:
        self.stages.append(name)

        def advance(done: int) -> None:
            if self._kill[0] is not None and name.startswith(self._kill[0]) and done >= self._kill[1]:
                raise Killed

        advance(done)
        yield advance

    def say(self, text: str) -> None:
        self.news.append(text)


@pytest.fixture
def study(tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path) -> Study:
    return small_study(tiny_model, tmp_path / "run")


@pytest.fixture(scope="module")
def reference(made_once: Path) -> dict[str, str]:
    """Return the digests of the run that nobody killed."""
    return numbers(open_run(made_once))


def numbers(run: Run) -> dict[str, str]:
    """Digests of everything that a run found."""
    files = [
        "questions.parquet",
        "splits.parquet",
        "answers.parquet",
        "grades.parquet",
        "grid.parquet",
        "summary.json",
        "null.parquet",
        "curve.parquet",
        "scores.safetensors",
    ]
    shards = sorted(path.name for path in (run.path / "states").glob("*.safetensors"))
    return {name: file_digest(run.path / name) for name in [*files, "heatmap.svg", *(f"states/{s}" for s in shards)]}


def test_a_run_leaves_a_whole_run_folder(study: Study) -> None:
    run = run_study(with_settings(study, {"positions": "paper"}))
    tables = {f"{name}.parquet" for name in ("questions", "splits", "answers", "grades", "grid", "null", "curve")}
    others = {
        ".lock",
        "audit.json",
        "audit.csv",
        "study.yaml",
        "stages.json",
        "states",
        "summary.json",
        "heatmap.png",
        "heatmap.svg",
        "scores.safetensors",
        "report.html",
    }
    assert {path.name for path in run.path.iterdir()} == tables | others
    grid = RunData.load(run).grid()
    assert grid.auc.shape == (2, len(PAPER))
    assert len(RunData.load(run).cells) == 2 * len(PAPER)
    summary = run.summary
    assert summary.right + summary.wrong + summary.unscored == 160
    assert summary.validation.n + summary.test.n <= summary.right + summary.wrong
    assert summary.converged == 1.0


def test_states_in_the_store_are_the_models_own(done: Study, tiny_model: Path) -> None:
    import torch

    from truthmap.grading.token_spans import locate_positions
    from truthmap.lm.load import load_model

    run = run_study(done)
    lm = load_model(str(tiny_model))
    store, grades = (
        TensorReader(RunData.load(run).states),
        {grade.question_id: grade for grade in RunData.load(run).grades},
    )
    answers = {answer.question_id: answer for answer in RunData.load(run).answers}
    layer = store.read_layer(Site.RESIDUAL, 0)
    for column, i in list(enumerate(layer.ids))[::17]:
        answer = answers[i]
        ids = torch.tensor([answer.prompt_ids + answer.answer_ids])
        own = lm.model(ids, output_hidden_states=True).hidden_states[1][0]
        where = locate_positions(answer, grades[i].span, store.positions)
        held = where >= 0
        assert held.any()
        assert (layer.present[:, column] == held).all()
        # Batched and single sums differ in order: float32 rounding.
        torch.testing.assert_close(layer.states[held, column], own[where[held]], rtol=1e-3, atol=1e-4)


def test_unscored_answers_are_counted_and_have_no_states(done: Study) -> None:
    run = run_study(done)
    unscored = {grade.question_id for grade in RunData.load(run).grades if grade.outcome is Outcome.UNSCORED}
    assert run.summary.unscored == len(unscored)
    assert not unscored & set(RunData.load(run).states.ids)
    assert len(RunData.load(run).states.ids) == 160 - len(unscored)


def test_a_finished_run_does_nothing_and_says_so(done: Study) -> None:
    run_study(done)
    before = {path: path.stat().st_mtime_ns for path in done.out.rglob("*") if path.name != ".lock"}
    progress = Recorder()
    run_study(done, progress=progress)
    assert progress.stages == []
    assert progress.news == [f"nothing to do: {done.out} is finished"]
    assert {path: path.stat().st_mtime_ns for path in done.out.rglob("*") if path.name != ".lock"} == before


@pytest.mark.parametrize(
    ("stage", "at"),
    [
        ("Answering", 40),
        ("Fitting", 1),
        pytest.param("Loading", 0, marks=pytest.mark.slow),
        pytest.param("Answering", 0, marks=pytest.mark.slow),
        pytest.param("Answering", 32, marks=pytest.mark.slow),
        pytest.param("Answering", 100, marks=pytest.mark.slow),
        pytest.param("Fitting", 0, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_and_ends_with_the_same_numbers(
    study: Study, reference: dict[str, str], stage: str, at: int
) -> None:
    with pytest.raises(Killed):
        run_study(study, progress=Recorder(stage, at))
    assert numbers(run_study(study)) == reference


OTHER_STAGES = ("questions", "grades", "states", "figures", "report")


@pytest.mark.parametrize(
    "finished", ["answers", "grid", *(pytest.param(stage, marks=pytest.mark.slow) for stage in OTHER_STAGES)]
)
def test_a_run_killed_after_any_stage_ends_with_the_same_numbers(
    study: Study, reference: dict[str, str], monkeypatch: pytest.MonkeyPatch, finished: str
) -> None:
    written = RunFolder.finish

    def finish_and_die(self: RunFolder, stage: str, *rest: object) -> None:
        written(self, stage, *rest)  # type: ignore[arg-type]
        if stage == finished:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RunFolder, "finish", finish_and_die)
        run_study(study)
    assert numbers(run_study(study)) == reference


def test_a_broken_states_file_is_named_and_alone_redone(done: Study) -> None:
    run = run_study(done)
    store = run.path / "states"
    before = {path.name: (path.stat().st_mtime_ns, file_digest(path)) for path in store.glob("*.safetensors")}
    content = (store / "00002.safetensors").read_bytes()
    (store / "00002.safetensors").write_bytes(content[:-10])
    progress = Recorder()
    run_study(done, progress=progress)
    assert len(progress.news) == 1
    assert "00002.safetensors is damaged" in progress.news[0]
    after = {path.name: (path.stat().st_mtime_ns, file_digest(path)) for path in store.glob("*.safetensors")}
    assert {name for name in after if after[name] != before[name]} == {"00002.safetensors"}
    redone = TensorReader(RunData.load(run).states).read_layer(Site.RESIDUAL, 1)
    assert np.isfinite(redone.states.numpy()).all()


def test_states_captured_again_equal_those_kept_on_the_way(done: Study) -> None:
    run = run_study(done)
    first = [TensorReader(RunData.load(run).states).read_layer(Site.RESIDUAL, layer) for layer in range(2)]
    shutil.rmtree(run.path / "states")
    run = run_study(done)
    for layer, before in enumerate(first):
        after = TensorReader(RunData.load(run).states).read_layer(Site.RESIDUAL, layer)
        assert after.ids == before.ids
        assert (after.present == before.present).all()
        # Another batch shape sums in another order: float32 rounding, grown through two layers.
        np.testing.assert_allclose(after.states.numpy(), before.states.numpy(), rtol=1e-3, atol=1e-4)


def test_other_settings_are_refused_by_name_and_redone_on_demand(done: Study) -> None:
    run_study(done)
    other = with_settings(done, {"max_new_tokens": 6})
    with pytest.raises(RunFolderError, match=r"max_new_tokens was None, is 6.*--update"):
        run_study(other)
    before = file_digest(done.out / "questions.parquet")
    run = run_study(other, update=True)
    assert max(len(answer.answer_ids) for answer in RunData.load(run).answers) == 6
    assert file_digest(done.out / "questions.parquet") == before
    with pytest.raises(RunFolderError, match="max_new_tokens was 6, is None"):
        run_study(done)


def test_where_a_run_is_made_is_no_setting_of_it(done: Study) -> None:
    run_study(done)
    progress = Recorder()
    run_study(with_settings(done, {"batch_tokens": 512, "device": "cpu"}), progress=progress)
    assert progress.news == [f"nothing to do: {done.out} is finished"]


def test_another_model_under_the_same_name_is_noticed(study: Study, tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    copy = tmp_path / "model"
    shutil.copytree(tiny_model, copy)
    moved = with_settings(study, {"model": str(copy)})
    run_study(moved)
    model = LlamaForCausalLM.from_pretrained(copy)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight.mul_(1.5)
    model.save_pretrained(copy)
    shutil.rmtree(moved.out / "states")
    with pytest.raises(RunFolderError, match=r"the model is not the one.*weights was"):
        run_study(moved)


def test_a_folder_that_is_no_run_is_refused(study: Study, tmp_path: Path) -> None:
    study.out.mkdir()
    (study.out / "thesis.tex").write_text("precious")
    with pytest.raises(RunFolderError, match=r"is no run folder: it is not empty"):
        run_study(study)
    assert [path.name for path in study.out.iterdir()] == ["thesis.tex"]
    with pytest.raises(RunFolderError, match=r"has no study.yaml"):
        open_run(study.out)


def test_two_runs_do_not_share_a_folder(study: Study) -> None:
    with RunFolder(study.out).held(), pytest.raises(RunFolderError, match="another run is working"):
        run_study(study)


@pytest.mark.parametrize(
    ("right", "said"), [(True, "all scored answers are right"), (False, "all scored answers are wrong")]
)
def test_one_outcome_only_is_refused_and_the_answers_are_kept(
    study: Study, spoken: QuestionSet, monkeypatch: pytest.MonkeyPatch, right: bool, said: str
) -> None:
    accepted = tuple(names[0] for names in spoken.questions[0].candidates or ()) if right else ("Nowhere",)
    questions = [Question(q.id, q.text, accepted, q.candidates) for q in spoken.questions]
    same = question_set("spoken", questions, spoken.task)
    monkeypatch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings: same)
    with pytest.raises(NotEnoughDataError, match=said):
        run_study(study)
    assert len(RunData(Run(run_folder(study.out), last="grades")).answers) == 160


def test_too_few_answers_are_refused_with_their_counts(
    study: Study, spoken: QuestionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = question_set("spoken", spoken.questions[:14], spoken.task)
    monkeypatch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings: few)
    with pytest.raises(NotEnoughDataError, match=r"needs 10 right and 10 wrong outside the test part, has \d and \d"):
        run_study(study)
