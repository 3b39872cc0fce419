"""Working copies of folders at a URL: what is fetched, what is sent, and in which order."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from truthmap.errors import RunFolderError, StorageError, UsageError
from truthmap.files import syncing, write_text
from truthmap.runs import lease as leasing
from truthmap.runs.folder import run_folder
from truthmap.storage import RemoteStorage
from truthmap.study.study import Study


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(leasing, "SETTLE", 0.05)


@pytest.fixture
def url() -> str:
    return f"memory://{uuid4().hex}/run"


@pytest.fixture
def place(url: str) -> RemoteStorage:
    """Return a folder at a URL with a few files."""
    place = RemoteStorage(url)
    for name in ("study.yaml", "a.txt", "analyses/b.txt", "states/index.json"):
        place.put(name, name.encode())
    return place


def names(folder: Path) -> set[str]:
    """Return the files of a working copy, its books left out."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".")}


def test_a_path_is_itself_and_a_url_has_a_working_copy(tmp_path: Path) -> None:
    assert run_folder(tmp_path).path == run_folder(str(tmp_path)).path == tmp_path
    assert run_folder(tmp_path).address == str(tmp_path)
    assert run_folder("file:///runs/a%20b").path == Path("/runs/a b")
    copies = set()
    for url in ("s3://bucket/run", "gs://b/a/b c", "sftp://me@host/ü/run"):
        folder = run_folder(url)
        assert (folder.address, folder.name) == (url, url.rpartition("/")[2])
        assert folder.path.is_relative_to(tmp_path / "cache")
        copies.add(folder.path)
    assert len(copies) == 3
    same = run_folder("S3://bucket/run/")
    assert (same.path, same.address) == (run_folder("s3://bucket/run").path, "s3://bucket/run")


@pytest.mark.parametrize("url", ["s3://", "s3:///", "s3://" + "x" * 300])
def test_a_url_that_names_no_folder_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="names no folder for a run: expected a URL such as s3://bucket/run"):
        run_folder(url)


@pytest.mark.parametrize("out", [7, None])
def test_a_study_says_what_is_wrong_with_its_folder(out: object) -> None:
    with pytest.raises(UsageError, match=r"\bout\b"):
        Study(model="smollm2", out=out)


def test_messages_name_the_url_and_readers_find_the_copy(tmp_path: Path) -> None:
    folder = run_folder("s3://bucket/my run")
    file = folder / "analyses" / "compare.json"
    assert str(file) == "s3://bucket/my run/analyses/compare.json"
    assert Path(file) == folder.path / "analyses" / "compare.json"
    assert Path(run_folder(tmp_path) / "grid.parquet") == tmp_path / "grid.parquet"


def test_only_what_changed_is_fetched(url: str, place: RemoteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, fetched = run_folder(url), []
    fetch = RemoteStorage.fetch

    def noting(self: RemoteStorage, name: str, into: Path) -> None:
        fetched.append(name)
        fetch(self, name, into)

    monkeypatch.setattr(RemoteStorage, "fetch", noting)
    folder.refresh()
    assert sorted(fetched) == ["a.txt", "analyses/b.txt", "study.yaml"]  # never the states
    assert names(folder.path) == {*fetched}
    fetched.clear()
    folder.refresh()
    assert fetched == []
    place.put("a.txt", b"other")
    place.remove("analyses/b.txt")
    (folder.path / "study.yaml").write_text("changed here")
    folder.refresh()
    assert sorted(fetched) == ["a.txt", "study.yaml"]
    assert (folder.path / "a.txt").read_text() == "other"
    assert (folder.path / "study.yaml").read_text() == "study.yaml"
    assert names(folder.path) == {"a.txt", "study.yaml"}
    fetched.clear()
    folder.refresh(anew=True)
    assert sorted(fetched) == ["a.txt", "study.yaml"]


def test_what_was_never_sent_is_dropped(url: str, place: RemoteStorage) -> None:
    folder = run_folder(url)
    folder.refresh()
    (folder.path / "parts").mkdir()
    (folder.path / "parts" / "00001.parquet").write_text("written by one that died before it sent this")
    folder.refresh()
    assert names(folder.path) == {"study.yaml", "a.txt", "analyses/b.txt"}


def test_each_file_is_sent_as_soon_as_it_is_whole_and_in_that_order(
    url: str, place: RemoteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    upload = RemoteStorage.upload

    def noting(self: RemoteStorage, name: str, source: Path) -> None:
        sent.append(name)
        upload(self, name, source)

    monkeypatch.setattr(RemoteStorage, "upload", noting)
    folder = run_folder(url)
    with folder.held():
        write_text(folder / "grid.parquet", "numbers")
        assert place.read("grid.parquet") == b"numbers"
        folder.finish("grid", "key", ["grid.parquet"], 1.0, {})
        (folder.path / "a.txt").unlink()
    assert sent == ["grid.parquet", "stages.json"]
    assert place.versions().keys() == {
        "study.yaml",
        "analyses/b.txt",
        "states/index.json",
        "grid.parquet",
        "stages.json",
    }


def test_an_upload_that_fails_is_a_fault_of_the_writing(
    url: str, place: RemoteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: RemoteStorage, name: str, source: Path) -> None:
        raise StorageError("the network is down")

    folder = run_folder(url)
    with pytest.raises(StorageError, match="the network is down"), folder.held(), monkeypatch.context() as patch:
        patch.setattr(RemoteStorage, "upload", failing)
        write_text(folder / "grid.parquet", "numbers")
    assert "grid.parquet" not in place.versions()
    assert ".lease" not in place.versions()
    with folder.held():
        assert names(folder.path) == {"study.yaml", "a.txt", "analyses/b.txt"}


def test_whoever_has_lost_the_folder_sends_nothing_more(url: str, place: RemoteStorage) -> None:
    folder = run_folder(url)
    with pytest.raises(RunFolderError, match=r"another run has taken over memory://.* is kept$"), folder.held():
        place.put(leasing.NAME, b'{"token": "another"}')
        write_text(folder / "grid.parquet", "numbers")
    assert "grid.parquet" not in place.versions()
    assert place.read(leasing.NAME) == b'{"token": "another"}'


def test_an_analysis_is_sent_from_wherever_it_is_written(url: str, place: RemoteStorage, tmp_path: Path) -> None:
    folder = run_folder(url)
    folder.refresh()
    with syncing(folder / "analyses"):
        write_text(folder / "analyses" / "c.txt", "more")
        with syncing(folder / "analyses" / "d.txt"):
            write_text(folder / "analyses" / "d.txt", "and more")
    assert place.read("analyses/c.txt") == b"more"
    assert place.read("analyses/d.txt") == b"and more"
    with syncing(tmp_path / "elsewhere.txt"):
        write_text(tmp_path / "elsewhere.txt", "nobody's")


def test_nothing_is_written_into_a_folder_that_nobody_holds(url: str, place: RemoteStorage) -> None:
    with pytest.raises(AssertionError, match="written while nobody holds memory://"):
        write_text(run_folder(url) / "grid.parquet", "numbers")
    assert "grid.parquet" not in place.versions()


def test_a_folder_removed_in_the_copy_is_removed_at_the_url(url: str, place: RemoteStorage) -> None:
    folder = run_folder(url)
    with folder.held():
        folder.remove("analyses")
        folder.remove("not-there")
        assert place.versions().keys() == {"study.yaml", "a.txt", "states/index.json", ".lease"}


@pytest.mark.parametrize("name", ["../outside.txt", "a/../../outside.txt", "/etc/outside.txt", "a\\..\\b", "c:evil"])
def test_an_object_cannot_land_outside_the_working_copy(
    url: str, place: RemoteStorage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = place.versions()
    monkeypatch.setattr(RemoteStorage, "versions", lambda self: {**found, name: "1"})
    with pytest.raises(RunFolderError, match="which can be no file of a run; remove it"):
        run_folder(url).refresh()


def test_a_file_that_is_also_a_folder_is_named(url: str, place: RemoteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place.versions()
    monkeypatch.setattr(RemoteStorage, "versions", lambda self: {**found, "a.txt/b": "1"})
    monkeypatch.setattr(RemoteStorage, "fetch", lambda self, name, into: write_text(into, name))
    with pytest.raises(StorageError, match=r"a\.txt/b is a file and a folder at once"):
        run_folder(url).refresh()
