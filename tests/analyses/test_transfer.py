"""Transfer between runs of one model: the diagonal is the run's own test score; no question is seen before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.forging import forge_ledger, forge_study
from tests.small_study import small_study

from truthmap.analyses.probing import fit_cell_probe, read_cell
from truthmap.analyses.saved import read_analysis
from truthmap.analyses.transfer.measure import OTHERS, Choice, Transfer
from truthmap.analyses.transfer.run import transfer_runs, transfer_table
from truthmap.errors import RunFolderError, UsageError
from truthmap.pipeline.runner import run_study
from truthmap.probes.grid import best_cell
from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.run import Run, open_run


@pytest.fixture(scope="session")
def three(
    made_once: Path, tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, ...]:
    """Three runs whose questions count as different ones: other ids and groups, so other splits."""
    runs = [open_run(made_once)]
    for name in ("second", "third"):
        moved = [replace(q, id=f"{name}-{q.id}", group=f"{name}-{q.id}") for q in spoken.questions]
        other = question_set(name, moved, spoken.task)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings, other=other: other)
            folder = tmp_path_factory.mktemp(name) / name
            runs.append(run_study(small_study(tiny_model, folder, questions=name)))
    return tuple(runs)


@pytest.fixture(scope="session")
def transferred(three: tuple[Run, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Transfer, Path]:
    out = tmp_path_factory.mktemp("transfer")
    return transfer_runs(three, out), out


def test_every_pair_is_scored_at_both_cells(transferred) -> None:
    result, _ = transferred
    names = [each.name for each in result.sets]
    assert names == ["spoken", "second", "third"]
    for choice in Choice:
        for source in result.sources(choice):
            for target in names:
                assert result.score(choice, source, target) is not None
    assert OTHERS in result.sources(Choice.COMMON)
    assert OTHERS not in result.sources(Choice.OWN)


def test_the_diagonal_at_the_own_cell_is_the_runs_own_test_score(transferred, three) -> None:
    result, _ = transferred
    for each, run in zip(result.sets, three, strict=True):
        score = result.score(Choice.OWN, each.name, each.name)
        assert (score.layer, score.position) == (run.summary.layer, run.summary.position)
        assert score.n == run.summary.test.n
        assert score.auc.value == pytest.approx(run.summary.test.value, abs=0.02)
        assert score.excluded == 0


def test_one_cell_serves_the_whole_common_matrix(transferred) -> None:
    result, _ = transferred
    cells = {(s.layer, s.position) for s in result.scores if s.choice is Choice.COMMON and s.source != OTHERS}
    assert cells == {(result.layer, result.position)}


def test_mistakes_are_counted_at_the_sources_threshold(transferred) -> None:
    result, _ = transferred
    assert result.scores
    for score in result.scores:
        assert 0 <= score.error.low <= score.error.value <= score.error.high <= 1
        assert score.error.value * score.n == pytest.approx(round(score.error.value * score.n))
        assert score.blind_error <= 0.5


def test_questions_that_the_source_has_seen_are_not_tested(made_once: Path, three, tmp_path: Path) -> None:
    folder = shutil.copytree(made_once, tmp_path / "copy")
    # The same questions dealt otherwise: the copy's test part is full of what the first run learned from.
    splits = pd.read_parquet(folder / "splits.parquet")
    flipped = pd.read_parquet(made_once / "splits.parquet").iloc[::-1].reset_index(drop=True)
    splits[["split", "fold"]] = flipped[["split", "fold"]]
    splits.to_parquet(folder / "splits.parquet")
    forge_ledger(folder)
    copy = open_run(folder)
    first = open_run(made_once)
    result = transfer_runs([first, copy], tmp_path / "out")
    score = result.score(Choice.OWN, result.sets[0].name, result.sets[1].name)
    seen = set(RunData.load(first).labels.of(test=False).ids)
    tested = RunData.load(copy).labels.of(test=True).ids
    assert score.excluded + score.n <= len(tested)
    assert score.excluded >= 0.5 * sum(i in seen for i in tested) > 0


def test_the_result_is_kept(transferred) -> None:
    result, out = transferred
    assert read_analysis(out, "transfer", Transfer) == result
    assert len(pd.read_parquet(out / "transfer.parquet")) == len(transfer_table(result)) == 9 + 9 + 3
    assert (out / "transfer.png").exists()


def test_c_is_chosen_by_cross_validation_and_scores_are_out_of_fold(three) -> None:
    data = RunData.load(three[0])
    read = read_cell(data, data.labels.of(test=False), best_cell(data.grid()))
    fitted = fit_cell_probe(read, (1e-3, 1.0))
    assert fitted.probe.c in (1e-3, 1.0)
    in_sample = fitted.probe.score(read.states.double().numpy())
    assert not np.allclose(in_sample, fitted.out_of_fold)
    # With labels that the states cannot tell, only scores of answers that were seen look good.
    shuffled = replace(read, y=np.random.default_rng(0).permutation(read.y), states=torch.randn(read.states.shape))
    noise = fit_cell_probe(shuffled, (1.0,))
    seen = noise.probe.score(shuffled.states.double().numpy())
    assert ((seen > 0) == shuffled.y).mean() > ((noise.out_of_fold > 0) == shuffled.y).mean() + 0.1


def test_other_models_are_refused(three, made_once: Path, tmp_path: Path) -> None:
    other = shutil.copytree(made_once, tmp_path / "other")
    forge_study(other, lambda content: content["model_identity"].update(weights="0"))
    with pytest.raises(RunFolderError, match=r"runs of one model: .* \(weights "):
        transfer_runs([three[0], open_run(other)], tmp_path)


def test_other_sites_single_runs_and_doubles_are_refused(three, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"has no states of site mlp, it has residual"):
        transfer_runs(three[:2], tmp_path, site=Site.MLP)
    with pytest.raises(UsageError, match="two runs or more, got 1"):
        transfer_runs(three[:1], tmp_path)
    with pytest.raises(UsageError, match="named twice"):
        transfer_runs([three[0], three[0]], tmp_path)
