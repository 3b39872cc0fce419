"""A run on a Ray cluster of two nodes: the same numbers, whatever dies on the way."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file
from tests.killing import Seen, numbers
from tests.small_study import small_study

from truthmap.analyses.controls.run import controls
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.analyses.select.run import select_answers
from truthmap.errors import ModelError, PartialError, UsageError
from truthmap.files import file_digest
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.runs.file_names import SAMPLE_GRADES, SAMPLES
from truthmap.runs.run import Run, open_run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Advance

ray: Any = pytest.importorskip("ray", reason="the extra `ray` is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own warnings are not ours to mend
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Return a cluster of two nodes with a CPU each, and be connected to it."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_DISABLE_IMPORT_WARNING"] = "1"
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80_000_000})
    nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
    nodes.wait_for_nodes()
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def expected(made_once: Path) -> dict[str, str]:
    """Return the numbers of the run on this machine alone."""
    return numbers(made_once)


@pytest.fixture
def study(tiny_model: Path, spoken_set: QuestionSet, cluster: Any, tmp_path: Path) -> Study:
    return small_study(tiny_model, tmp_path / "run", device="cpu", cluster="auto")


class At(Seen):
    """Does something once, when a stage has come to a number of units."""

    def __init__(self, stage: str, units: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._when, self._act = (stage, units), act

    def stage(self, name: str, total: int | None, done: int = 0) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def watching() -> Iterator[Advance]:
            self.begun[name] = done
            acted = False

            def advance(so_far: int) -> None:
                nonlocal acted
                if name == self._when[0] and so_far >= self._when[1] and not acted:
                    acted = True
                    self._act()

            yield advance

        return watching()


def test_two_nodes_find_what_one_machine_finds(study: Study, expected: dict[str, str]) -> None:
    run_study(study)
    assert numbers(study.out) == expected


def workers_of(cluster: Any) -> list[psutil.Process]:
    """Return the processes of the cluster's workers."""
    raylets = [node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()]
    below = [child for pid in raylets for child in psutil.Process(pid).children(recursive=True)]
    return [child for child in below if any("Worker" in word for word in child.cmdline()[:1])]


@pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
def test_a_worker_killed_while_answering_changes_nothing(study: Study, cluster: Any, expected: dict[str, str]) -> None:
    def kill_a_worker() -> None:
        workers_of(cluster)[0].kill()

    progress = At("Answering", 32, kill_a_worker)
    run_study(study, progress=progress)
    assert any("a worker was lost" in news for news in progress.news)
    assert numbers(study.out) == expected


def test_a_node_killed_while_capturing_changes_no_finished_work(
    study: Study, cluster: Any, expected: dict[str, str]
) -> None:
    run = run_study(with_settings(study, {"cluster": None}))
    before = numbers(run.path)
    shutil.rmtree(run.path / "states")
    extra = cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    progress = At("Capturing states", 32, lambda: cluster.remove_node(extra, allow_graceful=False))
    run_study(study, progress=progress)
    after = numbers(run.path)
    # Captured in a pass of their own, the states differ in rounding from those kept on the way, on one machine too.
    alone = with_settings(study, {"cluster": None})
    shutil.rmtree(run.path / "states")
    run_study(alone)
    assert numbers(run.path) == after
    tables = ("questions.parquet", "splits.parquet", "answers.parquet", "grades.parquet")
    assert {name: after[name] for name in tables} == {name: before[name] for name in tables}


def test_a_shard_that_fails_three_times_is_named(
    study: Study, expected: dict[str, str], spoken: QuestionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from truthmap.pipeline.stages import answers as answering

    real, bad = answering.answer_shard, spoken.questions[40].id

    def failing(work: Any, shard: Any, advance: Any) -> Any:
        if any(question.id == bad for question in shard[1]):
            raise RuntimeError("the model stumbles over this")
        return real(work, shard, advance)

    with monkeypatch.context() as patch:
        patch.setattr(answering, "answer_shard", failing)
        with pytest.raises(PartialError) as raised:
            run_study(study)
    said = str(raised.value)
    assert said.startswith(
        "1 parts of the work (shards) failed 3 times each, all others are finished and kept: shard 1, questions "
    )
    assert f"{spoken.questions[32].id} … {spoken.questions[63].id} (32)" in said
    assert "RuntimeError: the model stumbles over this" in said
    assert len(list((study.out / "parts").rglob("0*.parquet"))) == 4
    progress = Seen()
    run_study(study, progress=progress)
    assert progress.begun["Answering"] == 128
    assert numbers(study.out) == expected


@pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
def test_asked_to_stop_the_shards_under_way_are_finished(study: Study, expected: dict[str, str]) -> None:
    from truthmap.execution.interrupts import Stopped

    # More than one shard holds: a second one is under way, or finished, by then.
    progress = At("Answering", 33, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped) as raised:
        run_study(study, progress=progress)
    assert raised.value.signal == signal.SIGTERM
    assert len(list((study.out / "parts").rglob("0*.parquet"))) >= 2
    run_study(study)
    assert numbers(study.out) == expected


def test_a_model_that_cannot_be_loaded_is_said_once(study: Study, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="a worker cannot load the model: "):
        run_study(with_settings(study, {"model": str(tmp_path / "empty")}))
    assert not study.out.exists()


@pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
def test_a_worker_that_cannot_start_is_not_started_for_ever(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from truthmap.execution import ray as on_ray

    class Unfit(on_ray.Worker):
        def __init__(self, *settings: Any) -> None:
            raise ImportError("another version is installed here")

    monkeypatch.setattr(on_ray, "Worker", Unfit)
    progress = Seen()
    with pytest.raises(ModelError, match=r"a worker was lost 3 times while it started: .*another version is installed"):
        run_study(study, progress=progress)
    assert 2 <= len(progress.news) <= 6
    assert all("\x1b" not in news for news in progress.news)


def test_too_much_asked_for_a_worker_is_refused(study: Study) -> None:
    with pytest.raises(UsageError, match="not enough for one worker with 1 CPUs and 3 GPUs"):
        run_study(with_settings(study, {"gpus_per_worker": 3.0}))


@pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
def test_workers_come_and_go_with_the_run(study: Study) -> None:
    run_study(study)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and ray.available_resources().get("CPU", 0) < 2:
        time.sleep(0.1)
    assert ray.available_resources()["CPU"] >= 2


ON_CLUSTER = ReopenSettings.of({"device": "cpu", "cluster": "auto"})


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute with one thread, as each worker does: sums of several round otherwise."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def copies(finished: Run, made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Run]:
    """Return a finished run twice: one to go on from here, one on the cluster."""
    monkeypatch.setattr("truthmap.analyses.samples.run.SHARD", 64)
    monkeypatch.setattr("truthmap.analyses.samples.states.SHARD", 16)
    return finished, open_run(shutil.copytree(made_once, tmp_path / "on-cluster"))


def files_of(run: Run) -> dict[str, str]:
    """Return the digests of a run's samples and of their states."""
    files = [run.path / SAMPLES, run.path / SAMPLE_GRADES, *sorted((run.path / "sample_states").rglob("*.safetensors"))]
    return {str(path.relative_to(run.path)): file_digest(path) for path in files}


@pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
def test_samples_and_their_states_are_those_of_one_machine(
    copies: tuple[Run, Run], cluster: Any, one_thread: None
) -> None:
    here, there = copies
    for run, where in ((here, ReopenSettings.of({"device": "cpu"})), (there, ON_CLUSTER)):
        sample_answers(run, SampleSettings(k=3), reopening=where)
        select_answers(run, reopening=where)
    ours, theirs = files_of(here), files_of(there)
    kept = {name for name in ours if name.startswith("sample_states/")}
    assert len(kept) > 2
    assert {name: theirs[name] for name in theirs if name not in kept} == {n: ours[n] for n in ours if n not in kept}
    assert {name for name in theirs if name.startswith("sample_states/")} == kept
    for name in kept:  # another process may sum in another order
        one, other = (load_file(str(run.path / name)) for run in (here, there))
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)
    again = Seen()
    sample_answers(there, SampleSettings(k=3), reopening=ON_CLUSTER, progress=again)
    assert any("nothing to do" in news for news in again.news)


@pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
def test_a_peer_reads_on_the_cluster_as_on_one_machine(
    copies: tuple[Run, Run], cluster: Any, one_thread: None, tiny_model: Path
) -> None:
    # The run's own model reads before the peer and after it: whose workers have the cluster then must let them go.
    settings = ControlSettings(only=("surface", "peer-probe", "random-network"), peers=(str(tiny_model),))
    ours, theirs = (
        controls(run, settings, reopening=where).findings
        for run, where in zip(copies, (ReopenSettings.of({"device": "cpu"}), ON_CLUSTER), strict=True)
    )
    assert [each.verdict for each in theirs] == [each.verdict for each in ours]
    assert all(each.is_measured for each in ours)
    read, expected = ([r.value.value for each in found for r in each.readings] for found in (theirs, ours))
    assert read == pytest.approx(expected, abs=0.02)  # the fits of states that another process sums in another order


@pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
def test_a_worker_killed_while_sampling_changes_nothing(
    copies: tuple[Run, Run], cluster: Any, one_thread: None
) -> None:
    here, there = copies
    sample_answers(here, SampleSettings(k=2), reopening=ReopenSettings.of({"device": "cpu"}))
    progress = At("Sampling", 64, lambda: workers_of(cluster)[0].kill())
    sample_answers(there, SampleSettings(k=2), reopening=ON_CLUSTER, progress=progress)
    assert any("a worker was lost" in news for news in progress.news)
    assert files_of(there) == files_of(here)
