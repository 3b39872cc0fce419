"""Faults: whatever happens to a run, it ends with the same numbers, and finished work is not done again.

A minute here; `make soak` goes on with other moments for an hour (`TRUTHMAP_SOAK` seconds).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.killing import TRIALS, Death, Reference, Seen, finished_work, moments, numbers, run_to_end, start

from truthmap.errors import StorageError
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.verify import verify_run
from truthmap.questions.question_set import QuestionSet
from truthmap.study.study import Study, with_settings


def goes_on(study: Study, questions: QuestionSet, expected: dict[str, str]) -> None:
    """See that a run taken up again ends with the expected numbers and does no finished work again."""
    before = finished_work(study.out)
    ended = run_to_end(study, questions)
    assert ended.code == 0, ended.fault
    assert ended.seen is not None
    assert numbers(study.out) == expected
    after = finished_work(study.out)
    assert {name: after["ledger"][name] for name in before["ledger"]} == before["ledger"]
    assert ended.seen.begun.get("Answering", 160) >= min(before["answers"], 160)
    assert not list(study.out.rglob(".*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("trials", TRIALS)
def test_killed_at_any_moment_a_run_goes_on_to_the_same_numbers(
    study: Study, spoken: QuestionSet, reference: Reference, trials: range
) -> None:
    expected, seconds = reference
    for trial in moments(trials):
        chance = random.Random(trial)
        for _ in range(chance.choice([1, 1, 2])):  # killed once or twice on the way
            running = start(study, spoken)
            running.wait_until_begun()
            time.sleep(chance.uniform(0, seconds))
            running.process.kill()
            assert running.ended().code in {-signal.SIGKILL, 0}
        goes_on(study, spoken, expected)
        shutil.rmtree(study.out)


@pytest.mark.parametrize("trials", TRIALS)
def test_killed_at_any_renaming_a_run_goes_on_to_the_same_numbers(
    study: Study, spoken: QuestionSet, reference: Reference, trials: range
) -> None:
    for trial in moments(trials):
        # The files of a run appear by some thirty renamings; 7 is prime to that, so that all of them get their turn.
        death = Death(at=3 + trial * 7 % 30, when="before" if trial % 2 else "after")
        assert run_to_end(study, spoken, death).code in {-signal.SIGKILL, 0}
        goes_on(study, spoken, reference[0])
        shutil.rmtree(study.out)


@pytest.mark.parametrize("asked", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_asked_to_stop_a_run_finishes_the_shard_and_says_how_to_go_on(
    study: Study, spoken: QuestionSet, reference: Reference, asked: signal.Signals
) -> None:
    running = start(study, spoken)
    running.wait_until_begun()
    while running.process.is_alive() and not list((study.out / "parts").rglob("0*.parquet")):
        time.sleep(0.002)
    assert running.process.pid is not None
    os.kill(running.process.pid, asked)
    ended = running.ended()
    assert ended.code == 128 + asked
    assert ended.fault == "stopped; start the same command again to go on where it stopped"
    assert ended.seen is not None
    assert ended.seen.news[-1] == "stopping when the answers under way are done; once more to stop at once"
    kept = finished_work(study.out)
    assert kept["answers"] >= 32 or "answers" in kept["ledger"]
    goes_on(study, spoken, reference[0])


def test_of_two_runs_on_one_folder_the_second_refuses(study: Study, spoken: QuestionSet, reference: Reference) -> None:
    first = start(study, spoken)
    first.wait_until_begun()
    while not (study.out / "study.yaml").exists():
        time.sleep(0.002)
    second = run_to_end(study, spoken)
    assert second.code == 2
    assert second.fault is not None
    assert "another run is working in" in second.fault
    assert first.ended().code == 0
    assert numbers(study.out) == reference[0]


def test_a_disk_that_fills_up_is_named_and_what_is_finished_is_kept(
    study: Study, spoken: QuestionSet, reference: Reference, small_disk: Path
) -> None:
    on_it = with_settings(study, {"out": small_disk / "run"})
    ended = run_to_end(on_it, spoken)
    assert ended.code == 2
    assert ended.fault is not None
    assert ended.fault.startswith("StorageError: the disk is full: ")
    assert ended.fault.endswith("Free some space and start the same command again.")
    assert not list(small_disk.rglob(".*.part"))
    subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
    goes_on(on_it, spoken, reference[0])


def test_a_read_only_folder_is_named_and_can_still_be_verified(
    study: Study, spoken: QuestionSet, made_once: Path, small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
    shutil.copytree(made_once, small_disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    ended = run_to_end(with_settings(study, {"out": small_disk / "run"}), spoken)
    assert ended.code == 2
    assert ended.fault is not None
    assert "cannot be written: Read-only file system; choose a folder you may write to" in ended.fault
    assert verify_run(small_disk / "run") == ()


def test_a_clock_that_jumps_changes_nothing(
    study: Study, spoken_set: QuestionSet, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    wall = iter([*range(2_000_000_000, 1_000_000_000, -7_777_777)] * 1000)
    monkeypatch.setattr(time, "time", lambda: float(next(wall)))
    monkeypatch.setattr("truthmap.pipeline.runner.time.perf_counter", lambda: 0.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run_study(study)
        for path in study.out.rglob("*"):
            os.utime(path, (4_000_000_000, 4_000_000_000))
        seen = Seen()
        run_study(study, progress=seen)
    finally:
        torch.set_num_threads(threads)
    assert seen.begun == {}
    assert numbers(study.out) == reference[0]


@pytest.mark.slow
def test_a_hub_that_never_answers_is_given_up_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = f"http://127.0.0.1:{silent.getsockname()[1]}"
        timeouts = {"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1"}
        told = {"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hub"), **timeouts}
        code = "import sys; sys.argv = ['truthmap', *sys.argv[1:]]; from truthmap.cli.app import main; main()"
        words = ["run", "--model", "nobody/nothing", "--limit", "20", "--out", str(tmp_path / "run")]
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            check=False,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("truthmap: the model 'nobody/nothing' is not on this machine and the hub cannot be reached")
    )
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    import errno

    from truthmap.files import atomic_write

    with pytest.raises(StorageError, match="the disk is full"), atomic_write(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
