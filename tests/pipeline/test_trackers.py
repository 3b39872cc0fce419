"""Trackers are told of a finished run, for real where their packages are; one that fails loses nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from truthmap.errors import UsageError
from truthmap.pipeline.trackers.base import as_tracked
from truthmap.pipeline.trackers.mlflow_tracker import track_mlflow
from truthmap.pipeline.trackers.registry import TRACKERS, TrackerKind, trackers_named
from truthmap.pipeline.trackers.tell import track_run
from truthmap.pipeline.trackers.tensorboard_tracker import track_tensorboard
from truthmap.pipeline.trackers.wandb_tracker import track_wandb
from truthmap.runs.run import Run, open_run


@pytest.fixture
def run(made_once: Path) -> Run:
    return open_run(made_once)


def test_settings_numbers_map_and_page_are_told(run: Run) -> None:
    with as_tracked(run) as told:
        assert told.numbers["test"] == run.summary.test.value
        assert told.numbers["test.low"] <= told.numbers["test"] <= told.numbers["test.high"]
        assert told.settings["settings.questions.name"] == "spoken"
        assert "settings.model.adapter" not in told.settings
        assert [path.read_bytes() for path in told.figures] == [(run.path / "heatmap.png").read_bytes()]
        assert told.page is not None
        assert told.page.read_bytes() == (run.path / "report.html").read_bytes()
    assert not told.page.exists()


def test_a_tracker_that_fails_is_told_and_the_next_one_comes(run: Run) -> None:
    said: list[str] = []
    bad = TrackerKind("bad", "json", "nowhere:nothing")
    found = track_run(run, [bad, TrackerKind("worse", "json", "base:numbers_of")], said.append)
    assert found.seen == ()
    assert [fault.split(":")[0] for fault in found.faults] == ["bad", "worse"]
    assert said == ["telling bad of the run", "telling worse of the run"]
    assert track_run(run, [], said.append).faults == ()


def test_a_page_that_is_damaged_is_told_and_loses_nothing(made_once: Path, tmp_path: Path) -> None:
    path = shutil.copytree(made_once, tmp_path / "run")
    (path / "report.html").write_text("something else")
    found = track_run(open_run(path), [TRACKERS["mlflow"]], lambda _: None)
    assert found.seen == ()
    assert "mlflow" in found.faults[0]
    assert "report.html is damaged" in found.faults[0]


def test_a_tracker_that_is_not_there_is_told_before_the_run() -> None:
    with pytest.raises(UsageError, match="expected one of mlflow, tensorboard, wandb"):
        trackers_named(["mlfow"])
    known = {**TRACKERS, "mine": TrackerKind("mine", "no_such_package", "x:y")}
    with pytest.raises(UsageError, match=r"pip install 'truthmap\[mine\]'"):
        trackers_named(["mine"], known)
    assert trackers_named([]) == ()


@pytest.mark.slow
def test_mlflow_keeps_a_run_in_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/mlruns")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with as_tracked(run) as told:
        assert "of experiment truthmap" in track_mlflow(told)
    client = mlflow.MlflowClient()
    (kept,) = client.search_runs([client.get_experiment_by_name("truthmap").experiment_id])
    assert kept.info.status == "FINISHED"
    assert kept.data.metrics["test"] == pytest.approx(run.summary.test.value)
    assert kept.data.params["settings.questions.name"] == "spoken"
    assert {each.path for each in client.list_artifacts(kept.info.run_id)} == {"heatmap.png", "report.html"}


@pytest.mark.slow
def test_tensorboard_gets_event_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("TENSORBOARD_LOGDIR", str(tmp_path))
    with as_tracked(run) as told:
        events = EventAccumulator(track_tensorboard(told))
    events.Reload()
    assert events.Scalars("test")[0].value == pytest.approx(run.summary.test.value)
    assert events.Tags()["images"] == ["heatmap"]
    assert "settings/text_summary" in events.Tags()["tensors"]


@pytest.mark.slow
def test_wandb_keeps_a_run_offline(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="needs the extra wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    with as_tracked(run) as told:
        seen = Path(track_wandb(told))
    (kept,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    assert kept.stat().st_size > 1000
    assert str(seen).startswith(str(tmp_path))
