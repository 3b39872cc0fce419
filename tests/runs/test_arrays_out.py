"""What a run gives to other tools: arrays, a table, the probe's direction, and the files of `truthmap export`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gguf import GGUFReader
from safetensors import safe_open
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from truthmap.cli.app import app
from truthmap.errors import UsageError
from truthmap.grading.token_spans import locate_positions
from truthmap.lm.load import load_model
from truthmap.probes.test_part import score_on_test
from truthmap.records import RowKey
from truthmap.runs.cells import cell_probe, chosen_cell
from truthmap.runs.data import RunData
from truthmap.runs.exports.numpy_archive import MOST_TEXT, _fixed_width
from truthmap.runs.exports.registry import EXPORTS
from truthmap.runs.run import Run, open_run
from truthmap.store.tensors import TensorReader
from truthmap.study.stage_settings import grid_settings


@pytest.fixture(scope="module")
def run(made_once: Path) -> Run:
    return open_run(made_once)


@pytest.fixture(scope="module")
def data(run: Run) -> RunData:
    return RunData.load(run)


@pytest.fixture(scope="module")
def exported(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one export in each format, `cell.ENDING`, of one cell."""
    folder = tmp_path_factory.mktemp("exported")
    for form in EXPORTS.values():
        out = folder / f"cell{form.ending}"
        told = ["--layer", "1", "--position", "first_answer", "--out", str(out)]
        done = CliRunner().invoke(app, ["export", str(made_once), "--to", form.name, *told], catch_exceptions=False)
        assert done.exit_code == 0
        assert str(out) in done.output.replace("\n", "")
    return folder


def test_states_are_those_of_the_model(run: Run, data: RunData, tiny_model: Path) -> None:
    x, y, ids, groups, split = run.states(1, "exact_answer_last")
    assert x.dtype == np.float32
    assert len(x) == len(y) == len(ids) == len(groups) == len(split) > 100
    lm = load_model(str(tiny_model))
    for n in (0, 7, len(x) - 1):
        answer, grade = data.answer_of(RowKey(ids[n])), data.grade_of(RowKey(ids[n]))
        (place,) = locate_positions(answer, grade.span, (chosen_cell(data, 1, "exact_answer_last").position,))
        own = lm.states(answer.prompt_ids, answer.answer_ids)[1, place].numpy()
        np.testing.assert_allclose(x[n], own, rtol=1e-4, atol=1e-4)
        assert y[n] == (grade.outcome == "right")


def test_states_can_be_chosen_by_their_split(run: Run) -> None:
    states = run.states(0, "last_q", "residual")
    parts = {part: int((states.split == part).sum()) for part in ("train", "validation", "test")}
    assert sum(parts.values()) == len(states.X)
    assert min(parts.values()) > 0
    assert {type(text) for text in (*states.ids, *states.groups, *states.split)} == {str}


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ((5, "last_q", None), "no layer 5"),
        ((0, "nowhere", None), "nowhere"),
        ((0, "last_q", "brain"), "no site 'brain'; there are residual"),
        ((0, "last_q", "mlp"), "lm=load_model"),
    ],
)
def test_a_cell_that_is_not_there_is_refused(run: Run, cell: tuple[int, str, str | None], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        run.states(*cell)


def test_answers_are_a_table_with_spans_and_unseen_scores(run: Run, data: RunData) -> None:
    table = run.answers()
    assert len(table) == len(data.grades)
    found = table.dropna(subset=["start"])
    cut = [text[start:end] for text, start, end in zip(found["answer"], found["start"], found["end"], strict=True)]
    assert cut == found["exact_answer"].tolist()
    assert table["thought"].isna().all()
    assert table["final"].tolist() == table["answer"].tolist()
    best = chosen_cell(data)
    test = table[(table["split"] == "test") & table["score"].notna()]
    expected = score_on_test(TensorReader(data.states), data.labels, data.grid(), best, grid_settings())
    assert dict(zip(test["id"], test["score"], strict=True)) == pytest.approx(dict(expected.scores))
    known = table[(table["split"] != "test") & table["score"].notna()]
    auc = roc_auc_score(known["outcome"] == "right", known["score"])
    assert auc == pytest.approx(data.grid().auc[data.grid().index(best)], abs=1e-6)


def test_unscored_answers_have_no_score(run: Run) -> None:
    table = run.answers()
    assert table.loc[table["outcome"] == "unscored", "score"].isna().all()


def test_a_run_without_a_map_has_a_table_of_answers(run: Run) -> None:
    class NoMap(Run):
        why_no_map = "all answers are right"

    table = NoMap(run.folder, "states").answers()
    assert len(table) > 100
    assert table["score"].isna().all()


def test_the_direction_is_where_log_odds_rise_fastest(run: Run, data: RunData) -> None:
    direction = run.direction(1, "first_answer")
    probe = cell_probe(data, chosen_cell(data, 1, "first_answer"))
    assert np.linalg.norm(direction) == pytest.approx(1)
    x = run.states(1, "first_answer").X.astype(np.float64)
    gain = probe.score(x + direction) - probe.score(x)
    assert gain == pytest.approx(np.full(len(x), np.linalg.norm(probe.raw_weight)))
    other = np.random.default_rng(0).normal(size=(50, len(direction)))
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    assert (probe.score(x[:1] + other) - probe.score(x[:1]) <= gain[0] + 1e-9).all()


def test_npz_holds_states_labels_and_a_probe_that_scores_them(run: Run, exported: Path, data: RunData) -> None:
    with np.load(exported / "cell.npz") as held:  # nothing is pickled
        arrays = dict(held)
    states = run.states(1, "first_answer")
    assert np.array_equal(arrays["X"], states.X)
    assert np.array_equal(arrays["y"], states.y)
    assert arrays["ids"].tolist() == states.ids.tolist()
    assert arrays["split"].tolist() == states.split.tolist()
    probe = cell_probe(data, chosen_cell(data, 1, "first_answer"))
    scores = arrays["X"].astype(np.float64) @ arrays["weight"] + arrays["bias"]
    np.testing.assert_allclose(scores, probe.score(states.X.astype(np.float64)), rtol=1e-9)
    about = json.loads(str(arrays["about"]))
    assert (about["layer"], about["position"], about["site"]) == (1, "first_answer", "residual")


def test_safetensors_holds_the_same_arrays(exported: Path) -> None:
    with np.load(exported / "cell.npz") as held, safe_open(exported / "cell.safetensors", "numpy") as file:
        for name in ("X", "y", "fold", "weight", "bias", "direction"):
            assert np.array_equal(file.get_tensor(name), held[name]), name
        about = json.loads(file.metadata()["truthmap"])
        assert about["ids"] == held["ids"].tolist()
        assert about["groups"] == held["groups"].tolist()


def test_parquet_joins_states_to_answers_by_id(run: Run, exported: Path) -> None:
    written = pq.read_table(exported / "cell.parquet")
    assert not pa.types.is_fixed_size_list(written.schema.field("state").type), "no older pyarrow could read it"
    table = written.to_pandas()
    assert table["id"].tolist() == run.answers()["id"].tolist()
    states = run.states(1, "first_answer")
    here = table[table["state"].notna()].set_index("id")
    assert sorted(here.index) == sorted(states.ids)
    assert np.array_equal(np.stack(here.loc[list(states.ids), "state"].tolist()), states.X)


def test_the_control_vector_is_one_that_llama_cpp_takes(run: Run, exported: Path) -> None:
    read = GGUFReader(exported / "cell.gguf")
    assert bytes(read.fields["general.architecture"].parts[-1]) == b"controlvector"
    assert bytes(read.fields["controlvector.model_hint"].parts[-1]) == b"LlamaForCausalLM"
    (tensor,) = read.tensors
    assert (tensor.name, tensor.tensor_type.name, list(tensor.shape)) == ("direction.1", "F32", [24])
    assert np.array_equal(tensor.data, run.direction(1, "first_answer").astype(np.float32))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (["--to", "gguf", "--layer", "0"], "choose --site residual and a --layer from 1"),
        (["--to", "pickle"], "expected one of npz, parquet, safetensors, gguf"),
        (["--to", "npz", "--layer", "9"], "layers 0 to 1"),
        (["--to", "npz", "--site", "mlp"], "no map of site mlp"),
    ],
)
def test_what_cannot_be_exported_is_refused(made_once: Path, tmp_path: Path, told: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["export", str(made_once), "--out", str(tmp_path / "out"), *told])
    assert message in str(done.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("texts", [("a\0", "b"), ("x" * (MOST_TEXT // 40), *("b",) * 100)])
def test_texts_that_an_array_would_spoil_are_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="parquet"):
        _fixed_width("ids", texts)


def test_the_python_of_the_export_page_runs(
    made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made_once, tmp_path / "runs" / "library")
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "export.md", "exec"), names)
    assert "(24,) norm 1.0" in capsys.readouterr().out
