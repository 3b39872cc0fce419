"""Two maps of finished runs: the AUCs are the maps' own, and what cannot be compared is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.analyses.thinking_rows import row
from tests.forging import forge_ledger
from tests.small_study import COLUMNS, small_study

from truthmap.analyses.diff.command import summarize
from truthmap.analyses.diff.equal_n import needs_equal_n
from truthmap.analyses.diff.measure import MapDifference, array_of
from truthmap.analyses.diff.run import diff_runs
from truthmap.analyses.saved import read_analysis
from truthmap.errors import RunFolderError, UsageError
from truthmap.pipeline.runner import run_study
from truthmap.positions import Position
from truthmap.probes.grid import GridScores
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.file_names import SCORES
from truthmap.runs.folder import run_folder
from truthmap.runs.out_of_fold import write_out_of_fold
from truthmap.runs.run import Run, open_run
from truthmap.study.study import Study


@pytest.fixture(scope="session")
def two_sites(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with the maps of two sites."""
    folder = tmp_path_factory.mktemp("sites") / "sites"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings: spoken)
        return run_study(small_study(tiny_model, folder, sites=(Site.RESIDUAL, Site.MLP)))


def test_the_difference_is_that_of_the_saved_maps(two_sites: Run, tmp_path: Path) -> None:
    result = diff_runs(two_sites, two_sites, tmp_path, sites=(Site.RESIDUAL, Site.MLP))
    one, other = RunData.load(two_sites).grid(Site.RESIDUAL).auc, RunData.load(two_sites).grid(Site.MLP).auc
    np.testing.assert_allclose(array_of(result.auc_first), one, atol=1e-6)
    np.testing.assert_allclose(array_of(result.difference), other - one, atol=1e-6)
    assert result.cells == np.isfinite(other - one).sum()
    assert result.mean.value == pytest.approx(np.nanmean(other - one), abs=1e-6)
    assert result.both == result.first.answers == result.second.answers
    assert result.first.name.endswith("(residual)")
    assert read_analysis(tmp_path, "diff", MapDifference) == result
    assert len(pd.read_parquet(tmp_path / "diff.parquet")) == 2 * len(COLUMNS)
    assert (tmp_path / "diff.svg").exists()


def test_a_map_does_not_differ_from_its_copy(made_once: Path, tmp_path: Path) -> None:
    copy = open_run(shutil.copytree(made_once, tmp_path / "copy"))
    result = diff_runs(open_run(made_once), copy, tmp_path / "out")
    assert (result.higher, result.lower) == (0, 0)
    assert result.mean.value == result.mean.high == 0
    assert result.largest_p == 1


def test_the_same_map_twice_and_unknown_maps_are_refused(made_once: Path, tmp_path: Path) -> None:
    run = open_run(made_once)
    with pytest.raises(UsageError, match="both maps are the same one"):
        diff_runs(run, run, tmp_path)
    with pytest.raises(RunFolderError, match="has no map of site mlp, it has residual"):
        diff_runs(run, run, tmp_path, sites=(Site.RESIDUAL, Site.MLP))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: replace(found, scores=found.scores[:1]), r"different shapes: .* has 2 layers and .* 1"),
        (
            lambda found: replace(found, positions=(Position.of("answer[7]"),), scores=found.scores[:, :1]),
            r"no position in common: .* answer\[7\]; run one of them again with --positions",
        ),
    ],
)
def test_maps_of_other_shapes_are_refused(
    made_once: Path, tmp_path: Path, change: Callable[[GridScores], GridScores], said: str
) -> None:
    copy = Run(run_folder(shutil.copytree(made_once, tmp_path / "copy")))
    write_out_of_fold(copy.path / SCORES, [change(RunData.load(copy).out_of_fold())])
    forge_ledger(copy.path)
    copy = open_run(copy.path)
    with pytest.raises(RunFolderError, match=said):
        diff_runs(open_run(made_once), copy, tmp_path / "out")


def test_maps_are_compared_at_the_positions_that_both_have(made_once: Path, tmp_path: Path) -> None:
    copy = Run(run_folder(shutil.copytree(made_once, tmp_path / "copy")))
    found, chosen = RunData.load(copy).out_of_fold(), (Position.of("exact[-1]"), Position.of("answer[0]"))
    own = [found.positions.index(position) for position in chosen]
    write_out_of_fold(copy.path / SCORES, [replace(found, positions=chosen, scores=found.scores[:, own])])
    forge_ledger(copy.path)
    result = diff_runs(open_run(made_once), open_run(copy.path), tmp_path / "out")
    assert [str(position) for position in result.positions] == ["first_answer", "exact_answer_last"]
    assert (len(result.in_one_only), result.mean.value) == (len(COLUMNS) - 2, 0)
    assert read_analysis(tmp_path / "out", "diff", MapDifference) == result


@pytest.fixture(scope="session")
def half(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of three quarters of the questions."""
    some = replace(spoken, questions=spoken.questions[:120])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings: some)
        folder = tmp_path_factory.mktemp("half") / "half"
        return run_study(small_study(tiny_model, folder, permutations=0))


def test_maps_of_unlike_size_are_compared_at_equal_n(made_once: Path, half: Run, tmp_path: Path) -> None:
    whole = open_run(made_once)
    equal = diff_runs(half, whole, tmp_path / "equal")
    assert equal.second.answers == equal.first.answers == equal.first.of < equal.second.of
    assert equal.both == equal.first.answers  # the answers that both have are drawn first
    said = " ".join(row[1] for row in summarize(equal)[0].rows)
    assert f"{equal.second.answers} answers of {equal.second.of}, drawn at random" in said
    assert "more answers alone" not in said
    raw = diff_runs(half, whole, tmp_path / "raw", equal_n=False)
    assert raw.second.answers == raw.second.of == equal.second.of
    assert "more answers alone make a map higher" in " ".join(row[1] for row in summarize(raw)[0].rows)


def test_maps_of_like_size_are_compared_as_they_are() -> None:
    assert not needs_equal_n(500, 500)
    assert not needs_equal_n(480, 500)
    assert needs_equal_n(841, 157)
    assert needs_equal_n(157, 841)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_model_with_an_adapter_is_held_against_its_base(tiny_model: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    save_adapter(tiny_model, adapter)
    asked = {"questions": [row(n) for n in range(90)], "positions": "last_q,exact[-1],-1", "permutations": 4}
    base, adapted = (
        run_study(Study(model=str(tiny_model), adapter=named, **asked, out=tmp_path / name, device="cpu"))
        for name, named in (("base", None), ("adapted", str(adapter)))
    )
    result = diff_runs(base, adapted, tmp_path / "out")
    assert (result.first.model, result.second.model) == (str(tiny_model), f"{tiny_model} with {adapter}")
    assert result.both == result.first.answers == result.second.answers
    assert np.nanmax(np.abs(array_of(result.difference))) > 0, "the adapter changes every state"


def save_adapter(base: Path, folder: Path) -> None:
    """Write a random LoRA adapter of a model that changes every projection."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    settings = LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings).save_pretrained(folder)
