"""Runs at a URL: the same numbers as in a folder, whoever dies, and from whichever machine they are taken up again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from tests.killing import TRIALS, Death, finished_work, moments, numbers, run_to_end, start
from tests.small_study import COLUMNS, small_study

from truthmap.errors import RunFolderError
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.verify import repair_run, verify_run
from truthmap.positions import Position
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.folder import run_folder
from truthmap.runs.run import open_run
from truthmap.storage import RemoteStorage
from truthmap.store.tensors import TensorReader
from truthmap.study.study import Study, with_settings


class Machine:
    """Another machine: a cache of its own."""

    def __init__(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cache, self._patch = tmp_path / name, monkeypatch

    def study(self, model: Path, url: str) -> Study:
        """Return a study at a URL as this machine makes it."""
        self.enter()
        return small_study(model, url, device="cpu")

    def enter(self) -> None:
        """Be this machine from now on."""
        self._patch.setenv("TRUTHMAP_CACHE", str(self._cache))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine("here", tmp_path, monkeypatch)
    machine.enter()
    return machine


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine("there", tmp_path, monkeypatch)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """Return the folder in which `url` keeps its objects."""
    return tmp_path / "bucket" / "run"


@pytest.fixture
def url(bucket: Path) -> str:
    return f"bucket:/{bucket}"


@pytest.fixture(scope="module")
def expected(made_once: Path) -> dict[str, str]:
    """Return the numbers of the run in a folder."""
    return numbers(made_once)


def test_a_run_in_memory_is_the_run_in_a_folder(
    here: Machine, there: Machine, tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path
) -> None:
    url, folder = f"memory://{tmp_path.name}/run", tmp_path / "run"
    study = here.study(tiny_model, url)
    run, made = run_study(study), run_study(with_settings(study, {"out": folder}))
    place = RemoteStorage(url)
    assert (run.address, run.name) == (url, "run")
    assert run.summary == made.summary
    assert not (run.path / "states").exists()
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}
    assert place.versions().keys() == files
    there.enter()
    again = open_run(f"{url}/")
    assert again.path != run.path
    assert RunData.load(again).answers == RunData.load(made).answers
    for name in sorted(files - {"study.yaml", "stages.json", "report.html"}):  # those name times, versions, the URL
        assert place.read(name) == (folder / name).read_bytes(), name
    assert verify_run(url) == ()


def test_a_cell_is_read_without_the_rest_of_the_store(
    here: Machine, there: Machine, tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url = f"memory://{tmp_path.name}/run"
    run_study(here.study(tiny_model, url))
    there.enter()
    store = TensorReader(RunData.load(open_run(url)).states)
    read, count = RemoteStorage.read, [0]

    def counted(self: RemoteStorage, name: str, start: int = 0, end: int | None = None) -> bytes:
        content = read(self, name, start, end)
        count[0] += len(content)
        return content

    store.read_cell(Site.RESIDUAL, 0, Position.of("last_q"))  # headers and masks
    monkeypatch.setattr(RemoteStorage, "read", counted)
    cell = store.read_cell(Site.RESIDUAL, 1, Position.of("-1"))
    assert count[0] == cell.states.numel() * 4
    layers = store.layout()[Site.RESIDUAL][0]
    assert (
        layers * len(COLUMNS) * count[0]
        > 0.8
        * sum(size for name, size in RemoteStorage(f"{url}/states").sizes().items() if name.endswith(".safetensors"))
        - 5 * 20_000
    )


@pytest.mark.slow
@pytest.mark.parametrize("trials", TRIALS)
def test_killed_at_any_renaming_a_run_goes_on_from_another_machine(
    here: Machine, there: Machine, tiny_model: Path, spoken: QuestionSet, bucket: Path, url: str,
    expected: dict[str, str], trials: range,
) -> None:  # fmt: skip
    for trial in moments(trials):
        # A run takes some sixty renamings: each file its own, and that of the note of what was sent.
        death = Death(at=5 + trial * 17 % 56, when="before" if trial % 2 else "after")
        ended = run_to_end(here.study(tiny_model, url), spoken, death)
        assert ended.code != 0 or trial >= 4  # later ones may find no renaming left to die at
        if ended.code == 0:
            continue
        before = finished_work(bucket)
        ended = run_to_end(there.study(tiny_model, url), spoken)
        assert ended.code == 0, ended.fault
        assert ended.seen is not None
        assert any("looking for 3 s whether it lives" in news for news in ended.seen.news)
        assert numbers(bucket) == expected
        after = finished_work(bucket)
        assert {name: after["ledger"][name] for name in before["ledger"]} == before["ledger"]
        assert ended.seen.begun.get("Answering", 160) >= min(before["answers"], 160)
        assert not (bucket / ".lease").exists()
        assert not list((bucket / "parts").rglob("*.parquet"))
        shutil.rmtree(bucket)


@pytest.mark.slow
def test_killed_at_any_moment_a_run_goes_on_where_it_was_started(
    here: Machine, tiny_model: Path, spoken: QuestionSet, bucket: Path, url: str, expected: dict[str, str]
) -> None:
    chance, study = random.Random(0), here.study(tiny_model, url)
    for _ in range(2):
        running = start(study, spoken)
        running.wait_until_begun()
        time.sleep(chance.uniform(0.2, 3))
        running.process.kill()
        running.ended()
    ended = run_to_end(study, spoken)
    assert ended.code == 0, ended.fault
    assert ended.seen is not None
    assert not any("whether it lives" in news for news in ended.seen.news)  # its own copy's lock says that it is dead
    assert numbers(bucket) == expected


@pytest.mark.slow
def test_of_two_machines_the_second_refuses(
    here: Machine, there: Machine, tiny_model: Path, spoken: QuestionSet, bucket: Path, url: str,
    expected: dict[str, str],
) -> None:  # fmt: skip
    first = start(here.study(tiny_model, url), spoken)
    first.wait_until_begun()
    while first.process.is_alive() and not (bucket / ".lease").exists():
        time.sleep(0.002)
    second = run_to_end(there.study(tiny_model, url), spoken)
    assert second.code == 2
    assert second.fault is not None
    assert f"another run is working in {url} (process {first.process.pid} on " in second.fault
    assert first.ended().code == 0
    assert numbers(bucket) == expected


def test_asked_to_stop_a_run_lets_the_folder_go(
    here: Machine, there: Machine, tiny_model: Path, spoken: QuestionSet, bucket: Path, url: str,
    expected: dict[str, str],
) -> None:  # fmt: skip
    running = start(here.study(tiny_model, url), spoken)
    running.wait_until_begun()
    while running.process.is_alive() and not list((bucket / "parts").rglob("0*.parquet")):
        time.sleep(0.002)
    assert running.process.pid is not None
    os.kill(running.process.pid, signal.SIGTERM)
    assert running.ended().code == 128 + signal.SIGTERM
    assert not (bucket / ".lease").exists()
    ended = run_to_end(there.study(tiny_model, url), spoken)
    assert ended.seen is not None
    assert ended.seen.begun.get("Answering", 160) >= 32
    assert numbers(bucket) == expected


def test_what_is_broken_at_the_url_is_named_and_made_again(
    here: Machine, tiny_model: Path, spoken_set: QuestionSet, bucket: Path, url: str
) -> None:
    run = run_study(here.study(tiny_model, url))
    before = numbers(bucket)
    (run.path / "grid.parquet").write_bytes(b"")  # the working copy is not what is asked about
    assert verify_run(url) == ()
    for name in ("grades.parquet", "states/00003.safetensors"):
        content = bytearray((bucket / name).read_bytes())
        content[len(content) // 2] ^= 1
        (bucket / name).write_bytes(content)
    assert [broken.name for broken in verify_run(url)] == ["grades.parquet", "states/00003.safetensors"]
    repair_run(url)
    assert verify_run(url) == ()
    after = numbers(bucket)
    assert after["grades.parquet"] == before["grades.parquet"]
    assert run_folder(url).path == run.path


def test_a_run_that_never_began_leaves_nothing(here: Machine, bucket: Path, url: str, spoken_set: QuestionSet) -> None:
    from truthmap.errors import ModelError

    study = here.study(Path("no-such-model"), url)
    with pytest.raises(ModelError):
        run_study(study)
    assert not run_folder(url).path.exists()
    assert RemoteStorage(url).versions() == {}


def test_what_is_no_run_is_left_alone(here: Machine, tiny_model: Path, bucket: Path, url: str) -> None:
    bucket.mkdir(parents=True)
    (bucket / "thesis.txt").write_text("my life's work")
    for use in (lambda: run_study(here.study(tiny_model, url)), lambda: open_run(url), lambda: verify_run(url)):
        with pytest.raises(RunFolderError, match=r"is not empty and has no study\.yaml"):
            use()
    assert [path.name for path in bucket.iterdir()] == ["thesis.txt"]
    with pytest.raises(RunFolderError, match="has no study"):
        open_run(f"{url}-that-is-not-there")
