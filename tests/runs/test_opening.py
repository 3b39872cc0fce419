"""Opening a run: whatever is read of it was checked against its ledger; nothing of another state, size or kind."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.forging import forge_ledger, forge_study
from tests.made_run import KEYS, Made, make_run, vouch

from truthmap.errors import DamagedFileError, RunFolderError, TruthmapError
from truthmap.pipeline.verify import repair_run, verify_run
from truthmap.report.build import page_of, write_report
from truthmap.runs.data import RunData
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import open_run
from truthmap.storage import LocalStorage
from truthmap.store.states import StateStore
from truthmap.study.study import Study

READ = (
    "study.yaml", "stages.json", "questions.parquet", "splits.parquet", "answers.parquet", "grades.parquet",
    "audit.json", "grid.parquet", "scores.safetensors", "null.parquet", "curve.parquet", "summary.json", "heatmap.png",
    "heatmap.svg", "states/index.json",
)  # fmt: skip


def everything(run: Path) -> list[Any]:
    """Return all that a command can read of a run but its states."""
    data = RunData.load(open_run(run))
    records = [data.questions, data.answers, data.grades, data.splits, data.summary, data.audit]
    numbers = [data.out_of_fold().scores.tobytes(), data.permutation_null.tolist(), data.cells.to_json()]
    books = [dict(data.settings), dict(data.stages), data.states.ids, data.learning_curve.to_json()]
    pictures = [data.run.snapshot.read(name) for name in ("heatmap.png", "heatmap.svg")]
    return [*records, *numbers, *books, *pictures]


def refused(run: Path) -> bool:
    """Tell whether a run is refused, in one line."""
    try:
        everything(run)
    except TruthmapError as error:
        assert len(str(error).splitlines()) == 1
        return True
    return False


@pytest.mark.parametrize("name", READ)
def test_no_flipped_bit_is_read_as_something_else(copy: Path, made_once: Path, name: str) -> None:
    whole, before = (made_once / name).read_bytes(), everything(made_once)
    chance = random.Random(name)
    for at in [chance.randrange(len(whole)) for _ in range(4)]:
        flipped = bytearray(whole)
        flipped[at] ^= 1 << chance.randrange(8)
        (copy / name).write_bytes(flipped)
        assert refused(copy) or everything(copy) == before


def test_an_id_of_the_index_that_is_anothers_is_refused(copy: Path) -> None:
    index = copy / "states" / "index.json"
    ids = [i for entry in json.loads(index.read_text())["shards"].values() for i in entry["ids"]]
    index.write_text(index.read_text().replace(f'"{ids[0]}"', f'"{ids[1]}"'))
    with pytest.raises(DamagedFileError, match=r"states/index\.json is damaged: .* --repair makes it anew"):
        _ = RunData.load(open_run(copy)).states


def test_an_index_that_vouches_for_itself_is_not_enough(copy: Path) -> None:
    store = StateStore(copy / "states")
    store.forget(store.numbers[-1])
    with pytest.raises(DamagedFileError, match="is not the one that the map of"):
        _ = RunData.load(open_run(copy)).states


def test_a_file_replaced_since_the_opening_is_refused(copy: Path) -> None:
    data = RunData.load(open_run(copy))
    fresh = copy / "fresh"
    fresh.write_bytes((copy / "grades.parquet").read_bytes())
    fresh.replace(copy / "grades.parquet")
    with pytest.raises(RunFolderError, match=r"grades\.parquet was written anew since .* was opened"):
        _ = data.grades


@pytest.mark.parametrize("stage", ["questions", "answers", "grades", "states", "grid"])
def test_a_map_of_other_settings_is_refused(copy: Path, stage: str) -> None:
    forge_ledger(copy, lambda ledger: ledger[stage].update(key="0" * 64))
    with pytest.raises(RunFolderError, match=rf"is between two states: {stage} was not made .* `truthmap run --out"):
        open_run(copy)


def test_an_update_that_was_stopped_is_refused(copy: Path) -> None:
    folder = RunFolder(copy)
    before = folder.entry("grades")
    assert before is not None
    folder.finish("grades", "1" * 64, before.files, 1.0, before.note)
    with pytest.raises(RunFolderError, match="grid, second_grades, figures were not made with the settings"):
        open_run(copy)


def test_an_edited_study_is_refused(copy: Path) -> None:
    study = copy / "study.yaml"
    study.write_text(study.read_text().replace("seed: 0", "seed: 1"))
    with pytest.raises(DamagedFileError, match=r"study\.yaml is damaged or was edited"):
        open_run(copy)


def link_out(run: Path, name: str, victims: Path) -> None:
    """Put a link in place of a file or folder of a run."""
    target = victims / "states" if name == "states" else victims / Path(name).name
    (run / name).rename(target)
    (run / name).symlink_to(target)


@pytest.mark.parametrize("name", ["states", "grades.parquet", "stages.json", "study.yaml", "states/index.json"])
def test_no_link_is_followed(copy: Path, tmp_path: Path, name: str) -> None:
    victims = tmp_path / "victims"
    victims.mkdir()
    link_out(copy, name, victims)
    (victims / "model.safetensors").write_text("weights")
    before = {path: path.read_bytes() for path in victims.rglob("*") if path.is_file()}
    assert refused(copy)
    with suppress(TruthmapError):  # a link in place of a file that can be made again is replaced by the file
        repair_run(copy)
    assert {path: path.read_bytes() for path in victims.rglob("*") if path.is_file()} == before
    assert refused(copy) or not (copy / name).is_symlink()


def test_a_ledger_cannot_name_files_through_a_link(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "victim.txt").write_text("precious")
    (copy / "link").symlink_to(tmp_path)
    forge_ledger(copy, lambda ledger: ledger["grades"]["files"].update({"link/victim.txt": "0" * 64}))
    assert refused(copy)
    assert [str(broken) for broken in verify_run(copy)]
    assert (tmp_path / "victim.txt").read_text() == "precious"


@pytest.mark.parametrize("name", ["study.yaml", "stages.json", "summary.json", "grid.parquet", "states/index.json"])
@pytest.mark.parametrize("kind", [os.mkfifo, Path.mkdir])
def test_pipes_and_folders_are_not_read(copy: Path, name: str, kind: Callable[[Path], None]) -> None:
    (copy / name).unlink()
    kind(copy / name)
    began = time.monotonic()
    assert refused(copy)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["study.yaml", "stages.json", "summary.json", "states/index.json"])
def test_a_huge_file_is_not_read(copy: Path, name: str) -> None:
    with (copy / name).open("r+b") as file:
        file.truncate(6 << 30)  # sparse: it takes no room
    with pytest.raises(DamagedFileError, match="it has 6,442,450,944 bytes, expected at most"):
        everything(copy)


def bomb(rows: int) -> pa.Array:
    """Return a column of which each value is the same megabyte of text: a few bytes in a file."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))


@pytest.mark.parametrize("name", ["questions.parquet", "grid.parquet"])
def test_a_few_bytes_do_not_stand_for_gigabytes(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run", Made(n=60, layers=2)).path
    table = pq.read_table(run / name).slice(0, 1)
    full = pa.concat_tables([table] * 5000)
    pq.write_table(full.append_column("bomb", bomb(5000)), run / name, compression="zstd")
    vouch(run)
    data = RunData.load(open_run(run))
    with pytest.raises(DamagedFileError, match=r"take more than [\d,]+ bytes once they are decoded"):
        _ = (data.questions, data.cells) if name == "grid.parquet" else _bombed(run)


def _bombed(run: Path) -> Any:
    table = pq.read_table(run / "questions.parquet")
    pq.write_table(table.set_column(1, "text", bomb(len(table))), run / "questions.parquet", compression="zstd")
    vouch(run)
    return RunData.load(open_run(run)).questions


def change_grid(run: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet(run / "grid.parquet")).to_parquet(run / "grid.parquet")
    vouch(run)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.assign(auc="text"),
        lambda frame: frame.assign(layer=10**9),
        lambda frame: frame.assign(layer=frame["layer"] + 1),
        lambda frame: frame.assign(position="nowhere"),
        lambda frame: frame.assign(site="nowhere"),
        lambda frame: frame.drop(columns="layer"),
        lambda frame: frame.iloc[:-1],
        lambda frame: frame.iloc[:0],
        lambda frame: pd.concat([frame, frame]),
    ],
)
def test_a_table_that_is_no_map_is_refused(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    run = make_run(tmp_path / "run", Made(n=60, layers=2)).path
    change_grid(run, change)
    with pytest.raises(DamagedFileError, match=r"grid\.parquet is damaged: it is no map"):
        page_of(open_run(run))


def test_a_best_cell_that_is_not_on_the_map_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Made(n=60, layers=2)).path
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "layer": 10**9}))
    vouch(run)
    with pytest.raises(DamagedFileError, match=r"summary\.json is damaged: its best cell is not on the map"):
        write_report(open_run(run))


@pytest.mark.parametrize("name", ["questions", "answers"])
def test_tables_that_do_not_go_together_are_refused(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run", Made(n=60, layers=2)).path
    table = pq.read_table(run / f"{name}.parquet")
    pq.write_table(table.slice(3), run / f"{name}.parquet", write_page_checksum=True)
    vouch(run)
    with pytest.raises(DamagedFileError, match=r"is damaged: .*(it has no|there is no question)"):
        page_of(open_run(run))


def test_a_run_that_is_written_to_is_held(copy: Path) -> None:
    run = open_run(copy)
    with RunFolder(copy).held(), pytest.raises(RunFolderError, match="another run is working in"), run.held():
        pass


def test_a_run_that_changed_meanwhile_is_not_added_to(copy: Path) -> None:
    run, folder = open_run(copy), RunFolder(copy)
    entry = folder.entry("grid")
    assert entry is not None
    folder.finish("grid", entry.key, entry.files, 1.0, {**entry.note, "another": 1})
    with pytest.raises(RunFolderError, match=r"stages\.json was written anew since"):
        write_report(run)


def test_a_lock_that_is_a_link_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / ".lock").unlink(missing_ok=True)
    (tmp_path / "victim").write_text("precious")
    (copy / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(RunFolderError, match=r"\.lock is no regular file; delete it"):
        write_report(open_run(copy))
    assert (tmp_path / "victim").read_text() == "precious"


def test_opening_a_run_is_quick(copy: Path) -> None:
    began = time.process_time()
    open_run(copy)
    assert time.process_time() - began < 0.2


def test_states_elsewhere_are_read_where_the_user_put_them(copy: Path, tmp_path: Path) -> None:
    (copy / "states").rename(tmp_path / "elsewhere")
    forge_study(copy, lambda content: content.update(states_at=str(tmp_path / "elsewhere")))
    assert isinstance(RunData.load(open_run(copy)).states, object)
    assert LocalStorage(tmp_path / "elsewhere").sizes()


def test_the_keys_in_the_study_are_those_of_its_settings(copy: Path, done: Study) -> None:
    settings = RunFolder(copy).settings() or {}
    assert settings["keys"].keys() == KEYS.keys()
    assert np.all([len(key) == 64 for key in settings["keys"].values()])
    assert replace(open_run(copy), last="grid").settings == settings


def test_what_was_found_waits_for_whoever_works_in_the_run(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", Made(n=60, layers=2)).path
    run, order = open_run(made), []

    def wait() -> None:
        with run.held(patient=True):
            order.append("added")

    with RunFolder(made).held():
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.2)
        order.append("worked")
    waiting.join(10)
    assert order == ["worked", "added"]
