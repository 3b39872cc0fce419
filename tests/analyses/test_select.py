"""Choosing among the samples of a run: the states are the model's own, and the accuracies can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from truthmap.analyses.samples.run import Samples, read_samples, sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.analyses.samples.states import sample_states
from truthmap.analyses.saved import read_analysis
from truthmap.analyses.select.measure import Selection, Strategy
from truthmap.analyses.select.run import select_answers
from truthmap.errors import RunFolderError
from truthmap.execution.reopen import reopen
from truthmap.grading.token_spans import locate_positions
from truthmap.positions import PAPER, Position
from truthmap.probes.grid import Cell
from truthmap.records import Outcome, Site, Split
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run


@pytest.fixture
def sampled(finished: Run) -> tuple[Run, Samples]:
    return finished, sample_answers(finished, SampleSettings(k=5, part="test"))


def test_states_of_samples_are_the_models_own(sampled, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    run, samples = sampled
    monkeypatch.setattr("truthmap.analyses.samples.states.SHARD", 7)
    cell = Cell(Site.RESIDUAL, 0, Position.of("-2"))
    ids, work = samples.question_ids[:6], reopen(run)
    states = sample_states(run, work, samples, ids, cell)
    assert len(states) == sum(len(a.answer_ids) >= 2 for i in ids for a in samples.answers[i])
    for row, state in states.items():
        answer, grade = samples.graded(row.question_id)[row.sample - 1]
        with torch.inference_mode():
            output = work.model.model(torch.tensor([answer.prompt_ids + answer.answer_ids]), output_hidden_states=True)
        place = locate_positions(answer, grade.span)[PAPER.index(Position.of("-2"))]
        np.testing.assert_allclose(state, output.hidden_states[1][0, place].numpy(), rtol=1e-3, atol=1e-4)


def test_states_are_captured_once_and_kept(sampled, monkeypatch: pytest.MonkeyPatch) -> None:
    run, samples = sampled
    cell = Cell(Site.RESIDUAL, 1, Position.of("-1"))
    first = sample_states(run, reopen(run), samples, samples.question_ids, cell)
    monkeypatch.setattr("truthmap.analyses.samples.states.require_same_model", lambda run, work: 1 / 0)
    again = sample_states(run, reopen(run), samples, samples.question_ids, cell)
    assert again.keys() == first.keys()
    assert all((again[i] == first[i]).all() for i in first)


@pytest.mark.parametrize("broken", [lambda whole: b"nothing", lambda whole: whole[:-1] + bytes([whole[-1] ^ 1])])
def test_broken_states_are_captured_again(sampled, broken: Callable[[bytes], bytes]) -> None:
    run, samples = sampled
    cell = Cell(Site.RESIDUAL, 1, Position.of("-1"))
    first = sample_states(run, reopen(run), samples, samples.question_ids, cell)
    path = next((run.path / "sample_states").glob("*.safetensors"))
    path.write_bytes(broken(path.read_bytes()))
    again = sample_states(run, reopen(run), samples, samples.question_ids, cell)
    assert all((again[i] == first[i]).all() for i in first)


def test_accuracies_are_those_of_the_test_questions(sampled) -> None:
    run, samples = sampled
    result = select_answers(run)
    greedy = {grade.question_id: grade.outcome for grade in RunData.load(run).grades}
    test = [each.question_id for each in RunData.load(run).splits if each.split is Split.TEST]
    usable = [
        i
        for i in test
        if greedy[i] is not Outcome.UNSCORED and any(g.outcome is not Outcome.UNSCORED for g in samples.grades[i])
    ]
    assert (result.n, result.left_out) == (len(usable), len(test) - len(usable))
    assert result.strategy(Strategy.GREEDY).accuracy.value == pytest.approx(
        np.mean([greedy[i] is Outcome.RIGHT for i in usable])
    )
    right = [any(g.outcome is Outcome.RIGHT for g in samples.grades[i]) for i in usable]
    assert result.strategy(Strategy.ORACLE).accuracy.value == pytest.approx(np.mean(right))
    table = pd.read_parquet(run.path / ANALYSES / "select_questions.parquet")
    for score in result.strategies:
        assert table[str(score.strategy)].mean() == pytest.approx(score.accuracy.value)
    assert read_analysis(run.path / ANALYSES, "select", Selection) == result


def test_a_detector_that_knows_chooses_like_the_oracle(sampled, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = sampled
    samples = read_samples(run)

    def knowing(run, work, samples, ids, cell):
        return {g.key: np.array([float(g.outcome is Outcome.RIGHT)]) for i in ids for g in samples.grades[i]}

    class Reads:
        @staticmethod
        def score(states):
            return states[:, 0]

    from truthmap.analyses.select import run as selecting

    fitted = selecting.score_on_test

    def fit(*arguments):
        found = fitted(*arguments)
        object.__setattr__(found, "probe", Reads)
        return found

    monkeypatch.setattr(selecting, "sample_states", knowing)
    monkeypatch.setattr(selecting, "score_on_test", fit)
    result = select_answers(run)
    assert result.strategy(Strategy.DETECTOR).accuracy == result.strategy(Strategy.ORACLE).accuracy
    assert samples.settings.k == 5


def test_a_run_without_samples_is_refused(finished: Run) -> None:
    with pytest.raises(RunFolderError, match="truthmap sample"):
        select_answers(finished)
