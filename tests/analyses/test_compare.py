"""Comparing the probe with the baselines on a finished run: the same answers, known formulas, kept results."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from truthmap.analyses.compare.measure import Comparison, Family
from truthmap.analyses.compare.run import NAME, REFERENCE, compare_run, comparison_table
from truthmap.analyses.probing import test_scores as scores_on_test
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.analyses.saved import read_analysis
from truthmap.errors import RunFolderError
from truthmap.metrics.token_scores import mean_log_prob
from truthmap.probes.grid import best_cell
from truthmap.records import Outcome, Split
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run


@pytest.fixture
def compared(finished: Run) -> tuple[Run, Comparison]:
    sample_answers(finished, SampleSettings(k=3, part="test"))
    return finished, compare_run(finished)


def test_all_families_are_measured_on_the_same_test_answers(compared) -> None:
    run, result = compared
    assert {method.family for method in result.methods} == set(Family)
    scores = pd.read_parquet(run.path / ANALYSES / "compare_scores.parquet")
    test = {split.question_id for split in RunData.load(run).splits if split.split is Split.TEST}
    assert set(scores["question_id"]) <= test
    assert len(scores) == result.right + result.wrong
    assert scores.notna().all().all()
    for method in result.methods:
        assert method.auc.value == pytest.approx(roc_auc_score(scores["right"], scores[method.name]), abs=1e-3)
        assert method.auc.low <= method.auc.value <= method.auc.high
        assert method.difference.value == pytest.approx(method.auc.value - result.method(REFERENCE).auc.value, abs=1e-9)


def test_the_best_cell_scores_as_the_summary_says(compared) -> None:
    run, result = compared
    data = RunData.load(run)
    cell = best_cell(data.grid())
    assert (cell.layer, cell.position) == (run.summary.layer, run.summary.position)
    scores = scores_on_test(data, data.grid(), cell)
    assert len(scores) == run.summary.test.n
    # The summary's test answers may be more: those that lack a position of another probe are left out here.
    compared_ids = set(pd.read_parquet(run.path / ANALYSES / "compare_scores.parquet")["question_id"])
    right = {i: data.grade_of(i).outcome is Outcome.RIGHT for i in scores}
    kept = [i for i in scores if i in compared_ids]
    assert len(kept) == result.right + result.wrong
    expected = roc_auc_score([right[i] for i in kept], [scores[i] for i in kept])
    assert result.method(REFERENCE).auc.value == pytest.approx(expected, abs=1e-6)
    whole = roc_auc_score(list(right.values()), [scores[i] for i in right])
    assert run.summary.test.value == pytest.approx(whole, abs=1e-6)


def test_log_probabilities_are_the_answers_own(compared) -> None:
    run, _ = compared
    answers = {answer.question_id: answer for answer in RunData.load(run).answers}
    scores = pd.read_parquet(run.path / ANALYSES / "compare_scores.parquet").set_index("question_id")
    assert len(scores)
    for i, row in scores.iterrows():
        assert row["log-prob, mean"] == pytest.approx(mean_log_prob(answers[i]))
        assert row["log-prob, worst token"] == min(answers[i].log_probs)


def test_costs_are_counted_in_forward_passes(compared) -> None:
    _, result = compared
    assert result.method(REFERENCE).passes == 0
    assert result.method("p(True), both orders").passes == 2
    assert result.method("self-consistency").passes > 3


def test_exact_answers_are_asked_about_and_kept(compared) -> None:
    run, result = compared
    asked = pd.read_parquet(run.path / "exact_p_true.parquet").set_index("row")
    scores = pd.read_parquet(run.path / ANALYSES / "compare_scores.parquet").set_index("question_id")
    said = scores.loc[asked.index, "p(True), both orders, exact answer"]
    assert said.to_numpy() == pytest.approx(asked["p_true"].to_numpy())
    assert asked["p_true"].between(0, 1).all()
    method = result.method("p(True), both orders, exact answer")
    assert method.passes == 2
    assert method.stood_in == len(scores) - len(asked)
    assert not any(method.name in note for note in result.notes)


def test_the_result_is_kept_with_its_table_and_its_figure(compared) -> None:
    run, result = compared
    folder = run.path / ANALYSES
    assert read_analysis(folder, NAME, Comparison) == result
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "compare.parquet"), comparison_table(result))
    assert (folder / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (folder / "compare.svg").read_bytes()


def test_the_model_is_asked_once(compared, monkeypatch: pytest.MonkeyPatch) -> None:
    run, result = compared

    def refuse(*_args: object) -> None:
        raise AssertionError("the model was loaded again")

    monkeypatch.setattr("truthmap.analyses.compare.self_report.model_of", refuse)
    assert compare_run(run) == result


def test_without_samples_and_model_the_rest_is_compared(finished: Run) -> None:
    result = compare_run(finished, ask_model=False)
    assert {method.family for method in result.methods} == {Family.PROBE, Family.LOG_PROB}
    assert result.samples == 0
    assert any("truthmap sample" in note for note in result.notes)
    assert any("the model was not asked" in note for note in result.notes)


def test_samples_that_do_not_cover_the_test_part_are_refused(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from truthmap.analyses.compare import run as comparing
    from truthmap.analyses.samples import run as sampling

    sample_answers(finished, SampleSettings(k=1, part="test"))
    drawn = sampling.read_samples(finished)
    few = dict(list(drawn.answers.items())[:2])
    monkeypatch.setattr(comparing, "read_samples", lambda run: sampling.Samples(drawn.settings, few, drawn.grades))
    with pytest.raises(RunFolderError, match=r"test questions of .* have no samples"):
        compare_run(finished, ask_model=False)
