"""Runs in a folder: listed, compared, and removed without touching what no run wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from truthmap.errors import DamagedFileError, RunFolderError, UsageError
from truthmap.plain_yaml import read_yaml, write_yaml
from truthmap.runs.comparing import compare_settings
from truthmap.runs.file_names import LEDGER, STUDY, SUMMARY
from truthmap.runs.folder import RunFolder
from truthmap.runs.listing import RunState, list_runs
from truthmap.runs.removal import removable, remove_run


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in found}


@pytest.fixture
def run(made_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made_once, tmp_path / "runs" / "one")


def test_a_folder_of_runs_is_listed_whatever_their_state(run: Path, tmp_path: Path) -> None:
    runs = run.parent
    begun = shutil.copytree(run, runs / "deep" / "begun")
    (begun / LEDGER).unlink()
    edited = shutil.copytree(run, runs / "edited")
    (edited / SUMMARY).write_text("{}")
    (runs / "link").symlink_to(run)
    (runs / "notes").mkdir()
    found = {Path(each.run).name: each for each in list_runs(runs)}
    assert {name: each.state for name, each in found.items()} == {
        "one": RunState.MAP, "begun": RunState.UNFINISHED, "edited": RunState.DAMAGED,
    }  # fmt: skip
    assert found["one"].bytes == sum((run / name).stat().st_size for name in files(run))
    assert found["one"].test is not None
    with pytest.raises(RunFolderError, match="there is no folder"):
        list_runs(tmp_path / "nowhere")


def test_settings_that_differ_are_named_with_their_values(run: Path, tmp_path: Path) -> None:
    other = RunFolder(shutil.copytree(run, tmp_path / "other"))
    known = other.settings() or {}
    known["settings"]["grid"]["permutations"] = 7
    known["versions"]["numpy"] = "0.1"
    other.write_settings(known)
    found = compare_settings([str(run), str(other.path), str(run)])
    assert {each.name: each.values[1] for each in found.different} == {
        "settings.grid.permutations": 7, "versions.numpy": "0.1",
    }  # fmt: skip
    assert all(each.values[0] == each.values[2] for each in found.different)
    with pytest.raises(UsageError, match="two runs or more"):
        compare_settings([str(run)])
    with pytest.raises(RunFolderError, match="no run folder"):
        compare_settings([str(run), str(tmp_path)])


def test_a_run_is_removed_whole(run: Path) -> None:
    count = len(files(run) - {".lock"})
    (told,) = removable([str(run), str(run)])
    assert run.exists()
    assert told.files - 1 == count
    removed = remove_run(str(run))
    assert not run.exists()
    assert removed.left == ()
    assert removed.files - 1 == count - 1  # the ledger went before


def test_what_no_run_wrote_stays_and_links_are_not_followed(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "00000.safetensors").write_text("somebody's")
    (run / "analyses").mkdir(exist_ok=True)
    (run / "analyses" / "thesis.docx").write_text("mine")
    (run / "notes.txt").write_text("mine")
    (run / "sample_states").symlink_to(elsewhere)
    (run / "heatmap.png").unlink()
    (run / "heatmap.png").symlink_to(elsewhere / "00000.safetensors")
    removed = remove_run(str(run))
    assert files(run) == {"analyses/thesis.docx", "notes.txt", "sample_states", "heatmap.png"}
    assert removed.left == ("analyses/thesis.docx", "heatmap.png", "notes.txt", "sample_states")
    assert (elsewhere / "00000.safetensors").read_text() == "somebody's"


def test_only_runs_are_removed(run: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(run)
    plain, copied = tmp_path / "plain", tmp_path / "copied"
    plain.mkdir()
    (plain / "answers.parquet").touch()
    copied.mkdir()
    (copied / STUDY).write_text(write_yaml({"settings": {"model": "m"}}))
    edited = shutil.copytree(run, tmp_path / "edited")
    known = read_yaml((edited / STUDY).read_text())
    (edited / STUDY).write_text(write_yaml({**known, "seed": 1}))
    before = files(tmp_path)
    for path, fault in ((link, RunFolderError), (plain, RunFolderError), (copied, DamagedFileError)):
        with pytest.raises(fault):
            remove_run(str(path))
    with pytest.raises(DamagedFileError):
        removable([str(run), str(edited)])
    with pytest.raises(UsageError, match="at a URL"):
        removable(["memory://bucket/run"])
    assert files(tmp_path) - {"runs/one/.lock"} == before - {"runs/one/.lock"}


def test_a_run_that_is_worked_in_is_not_removed(run: Path) -> None:
    with RunFolder(run).held(), pytest.raises(RunFolderError, match="another run is working"):
        removable([str(run)])
    assert (run / LEDGER).exists()


def test_a_removal_that_was_killed_goes_on(run: Path) -> None:
    (run / LEDGER).unlink()
    shutil.rmtree(run / "states")
    remove_run(str(run))
    assert not run.exists()
