"""The store on a real S3 server, started here: moto's."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.killing import Death, numbers, run_to_end
from tests.small_study import small_study

from truthmap.errors import RunFolderError, StorageError, UsageError
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.verify import repair_run, verify_run
from truthmap.positions import PAPER, Position
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Site
from truthmap.runs import lease
from truthmap.storage import RemoteStorage
from truthmap.store.states import StateStore
from truthmap.study.study import with_settings

pytest.importorskip("s3fs", reason="the extra `s3` is not installed")
server = pytest.importorskip("moto.server", reason="moto's server is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of the AWS libraries are not ours to mend


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Return the URL of a fresh bucket on a server of our own."""
    import fsspec

    serving = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    serving.start()
    host, port = serving.get_host_and_port()
    options: dict[str, Any] = {"key": "test", "secret": "test", "endpoint_url": f"http://{host}:{port}"}
    fsspec.config.conf["s3"] = options
    name = f"truthmap-{uuid.uuid4().hex[:8]}"
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    del fsspec.config.conf["s3"]
    serving.stop()


def test_states_on_s3_are_those_in_a_folder(bucket: str, tmp_path: Path) -> None:
    from tests.store.test_states import shard

    here, there = StateStore(tmp_path), StateStore(f"{bucket}/run/states")
    for number in range(3):
        here.write(number, "key", shard(number))
        there.write(number, "key", shard(number))
    again = StateStore(f"{bucket}/run/states")
    assert again.digest == here.digest
    assert again.damaged() == {}
    for position in (PAPER[0], Position.of("-1")):
        assert again.read_cell(Site.RESIDUAL, 2, position).states.equal(
            here.read_cell(Site.RESIDUAL, 2, position).states
        )
    again.keep_only([1])
    assert StateStore(f"{bucket}/run/states").numbers == (1,)


def test_only_one_can_claim_a_name(bucket: str) -> None:
    place = RemoteStorage(f"{bucket}/claims")
    assert place.claim("lock", b"first")
    assert not place.claim("lock", b"second")
    assert place.read("lock") == b"first"


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    with (
        pytest.raises(StorageError, match="no-such-bucket/file cannot be reached"),
        RemoteStorage("s3://no-such-bucket").written("file") as path,
    ):
        path.write_bytes(b"")


def test_a_run_with_its_states_on_s3_finds_the_same(
    bucket: str, tiny_model: Path, spoken_set: object, tmp_path: Path
) -> None:
    at = f"{bucket}/study/states"
    here = small_study(tiny_model, tmp_path / "here", device="cpu")
    there = with_settings(here, {"out": tmp_path / "there", "states_at": at})
    expected, made = numbers(run_study(here).path), run_study(there)
    assert not (made.path / "states").exists()
    assert numbers(made.path) == {name: digest for name, digest in expected.items() if "states" not in name}
    assert verify_run(made.path) == ()
    RemoteStorage(at).remove("00001.safetensors")
    assert [broken.name for broken in verify_run(made.path)] == ["states/00001.safetensors"]
    with pytest.raises(UsageError, match="add --states-at s3://"):
        repair_run(made.path)
    repair_run(made.path, states_at=at)
    assert verify_run(made.path) == ()


def test_a_run_at_s3_goes_on_from_another_machine(
    bucket: str, tiny_model: Path, spoken: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    url, copy = f"{bucket}/whole run", tmp_path / "copy"
    study = small_study(tiny_model, tmp_path / "folder", device="cpu")
    assert run_to_end(study, spoken).code == 0
    for at, machine in ((9, "first"), (31, "second"), (None, "third")):
        monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / machine))
        death = None if at is None else Death(at, "after")
        ended = run_to_end(with_settings(study, {"out": url}), spoken, death)
        assert ended.code == (0 if at is None else -signal.SIGKILL), ended.fault
    assert ended.seen is not None
    assert ended.seen.begun.get("Answering", 160) >= 32
    fsspec.filesystem("s3").get(url, str(copy), recursive=True)
    assert numbers(copy) == numbers(tmp_path / "folder")
    assert verify_run(copy) == ()  # what was fetched by other means is a run of its own
    assert verify_run(url) == ()
    there = RemoteStorage(url)
    assert there.versions().keys() == {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_file()} - {".lock"}
    broken = bytearray(there.read("states/00002.safetensors"))
    broken[-9] ^= 1
    there.put("states/00002.safetensors", bytes(broken))
    there.remove("grid.parquet")
    assert [part.name for part in verify_run(url)] == ["states/00002.safetensors", "grid.parquet"]


def test_two_machines_cannot_hold_one_folder_at_s3(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.1)
    place = RemoteStorage(f"{bucket}/held")
    with (
        lease.leased(place, "one", print),
        pytest.raises(RunFolderError, match="another run is working in s3://"),
        lease.leased(place, "two", print),
    ):
        raise AssertionError
    assert place.versions() == {}
