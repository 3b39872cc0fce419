"""Files of a run that are not as they were written: found on reading and by verifying, and made again by repairing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.killing import Seen, numbers

from truthmap.analyses.errors.run import type_errors
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.seal import seal_detector
from truthmap.pipeline.verify import repair_run, verify_run
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import STAGES
from truthmap.runs.run import Run, open_run
from truthmap.store.states import StateStore
from truthmap.store.tensors import TensorReader
from truthmap.study.study import Study, with_settings


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_whole_run_verifies(copy: Path) -> None:
    assert verify_run(copy) == ()


@pytest.mark.parametrize("at", [0, 20, 2000, -1])
def test_a_flipped_bit_of_states_is_found_when_read_and_verified(copy: Path, at: int) -> None:
    name = "states/00002.safetensors"
    flip(copy / name, at)
    store = TensorReader(RunData.load(open_run(copy)).states)
    with pytest.raises(DamagedFileError, match=r"00002\.safetensors is damaged"):
        for layer in range(2):
            store.read_layer(Site.RESIDUAL, layer)
    (broken,) = verify_run(copy)
    assert (broken.stage, broken.name) == ("states", name)


def test_a_wrong_number_is_never_fitted_from_broken_states(study: Study, copy: Path) -> None:
    flip(copy / "states/00001.safetensors", -40)
    (copy / "grid.parquet").unlink()
    with pytest.raises(DamagedFileError, match=r"00001\.safetensors is damaged"):
        run_study(with_settings(study, {"out": copy}))
    assert not (copy / "grid.parquet").exists()


def damage(path: Path, fault: str) -> None:
    """Break a file in one of the ways in `FAULTS`."""
    content = path.read_bytes()
    if fault == "flipped":
        flip(path, len(content) // 2)
    elif fault == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()


FAULTS = ("flipped", "cut", "missing")
TABLES = tuple(f"{table}.parquet" for table in ("questions", "splits", "answers", "grades"))
FILES = (
    *TABLES, "grid.parquet", "summary.json", "scores.safetensors", "heatmap.svg", "heatmap.png",
    "states/00003.safetensors", "states/index.json",
)  # fmt: skip
# Every file and every fault in turn is enough for every day; all pairs are for CI.
PAIRS = [
    pytest.param(name, fault, marks=() if n % 3 == kind else pytest.mark.slow)
    for n, name in enumerate(FILES)
    for kind, fault in enumerate(FAULTS)
]


def may_be_made_again(run: Path, name: str) -> set[str]:
    """Return what a repair may write: the broken file, those of its stage, the run's books, and what follows states."""
    stages = json.loads((run / "stages.json").read_text())
    first = next((stage for stage, entry in stages.items() if name in entry["files"]), "states")
    # States that are captured again differ in rounding, and with them what is fitted from them.
    written = STAGES[STAGES.index("states") :] if first == "states" else (first,)
    # While answers are given again, their states are kept on the way.
    states = [f"states/{path.name}" for path in (run / "states").iterdir()] if first in {"answers", "states"} else []
    books = {name, "study.yaml", "stages.json", "audit.csv", ".lock"}
    return books.union(states, *(stages[stage]["files"] for stage in written))


@pytest.mark.parametrize(("name", "fault"), PAIRS)
def test_what_is_broken_is_named_and_alone_made_again(copy: Path, name: str, fault: str) -> None:
    before = numbers(copy)
    damage(copy / name, fault)
    assert {part.name for part in verify_run(copy)} == {name}
    kept = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    repair_run(copy)
    made_again = {path.relative_to(copy).as_posix() for path, at in kept.items() if path.stat().st_mtime_ns != at}
    assert made_again <= may_be_made_again(copy, name)
    assert verify_run(copy) == ()
    after = numbers(copy)
    assert after.keys() == before.keys()
    # What is fitted from states captured again differs in rounding.
    assert {table: after[table] for table in TABLES} == {table: before[table] for table in TABLES}
    assert {other for other in before if other.startswith("states/") and before[other] != after[other]} <= {name}


@pytest.mark.parametrize("fault", [*(pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS[:2]), FAULTS[2]])
def test_a_run_without_its_ledger_is_made_again(copy: Path, fault: str) -> None:
    before = numbers(copy)
    damage(copy / "stages.json", fault)
    assert verify_run(copy)  # without its books, everything in a run is in doubt
    repair_run(copy)
    assert verify_run(copy) == ()
    after = numbers(copy)
    assert {table: after[table] for table in TABLES} == {table: before[table] for table in TABLES}


def test_states_of_an_older_format_are_refused_at_the_start(study: Study, copy: Path) -> None:
    (copy / "stages.json").unlink()
    (copy / "answers.parquet").unlink()
    index = copy / "states" / "index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "format": 1}))
    seen = Seen()
    with pytest.raises(DamagedFileError, match=r"index\.json has format 1, this truthmap reads 2 to 4; delete it"):
        run_study(with_settings(study, {"out": copy}), progress=seen)
    assert seen.begun == {}
    assert not (copy / "answers.parquet").exists()


def test_a_broken_study_is_named_and_written_anew_on_demand(study: Study, copy: Path) -> None:
    (copy / "study.yaml").write_text("settings: [")
    (broken,) = verify_run(copy)
    assert (broken.stage, broken.name) == ("study", "study.yaml")
    with pytest.raises(DamagedFileError, match=r"study\.yaml is damaged: it is not YAML"):
        repair_run(copy)
    same = with_settings(study, {"out": copy})
    before = json.loads((copy / "stages.json").read_text())
    with pytest.raises(DamagedFileError, match="--update writes it anew"):
        run_study(same)
    run_study(same, update=True)
    assert verify_run(copy) == ()
    assert json.loads((copy / "stages.json").read_text()) == before


def test_other_answers_have_all_that_depends_on_them_made_again(
    study: Study, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from truthmap.answers import decoding

    old = numbers(copy)
    (copy / "answers.parquet").unlink()
    second = decoding.sample_tokens

    def another(logits, prompts, steps, settings):  # type: ignore[no-untyped-def]
        logits[:, 0] += 3.0
        return second(logits, prompts, steps, settings)

    monkeypatch.setattr(decoding, "sample_tokens", another)
    run_study(with_settings(study, {"out": copy}))
    new = numbers(copy)
    assert {name for name in ("answers.parquet", "grades.parquet", "grid.parquet") if new[name] == old[name]} == set()
    assert verify_run(copy) == ()


def test_a_folder_in_use_is_not_verified(copy: Path) -> None:
    with RunFolder(copy).held(), pytest.raises(RunFolderError, match="another run is working in"):
        verify_run(copy)


def test_what_is_no_run_is_not_verified(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"is no run folder: it has no study\.yaml"):
        verify_run(tmp_path)


@pytest.mark.parametrize(
    "name", ["questions.parquet", "splits.parquet", "states/index.json", "heatmap.png", "audit.json"]
)
def test_what_comes_out_the_same_leaves_all_else_as_it_is(study: Study, copy: Path, name: str) -> None:
    before, seen = numbers(copy), Seen()
    flip(copy / name, len((copy / name).read_bytes()) // 2)
    run_study(with_settings(study, {"out": copy}), progress=seen)
    assert not {"Answering", "Capturing states", "Fitting probes: residual"} & seen.begun.keys()
    assert numbers(copy) == before
    assert verify_run(copy) == ()


def test_a_broken_entry_of_the_ledger_costs_its_stage_alone(study: Study, copy: Path) -> None:
    before, seen = numbers(copy), Seen()
    ledger = json.loads((copy / "stages.json").read_text())
    ledger["figures"]["seconds"] += 1
    (copy / "stages.json").write_text(json.dumps(ledger))
    assert [broken.name for broken in verify_run(copy)] == ["stages.json"]
    run_study(with_settings(study, {"out": copy}), progress=seen)
    assert seen.begun.keys() <= {"Writing the report"}
    assert numbers(copy) == before
    assert verify_run(copy) == ()


def test_a_repair_that_was_killed_goes_on(copy: Path) -> None:
    StateStore(copy / "states").forget(1)  # what one leaves that dropped a broken shard and was killed
    others = {path: path.read_bytes() for path in (copy / "states").glob("*.safetensors")}
    seen = Seen()
    repair_run(copy, seen)
    assert seen.begun["Capturing states"] > 0
    assert {path: path.read_bytes() for path in others} == others
    assert verify_run(copy) == ()


def test_samples_and_analyses_are_verified(finished: Run) -> None:
    sample_answers(finished, SampleSettings(k=1))
    type_errors(finished)
    seal_detector(finished, finished.folder / "detector")
    assert verify_run(finished.path) == ()
    broken = ("samples.parquet", "sample_grades.parquet", "analyses/errors.json", "detector/reliability.svg")
    for name in broken:
        flip(finished.path / name, 50)
    found = verify_run(finished.path)
    assert sorted(part.name for part in found) == sorted(broken)
    assert {part.fault.partition("; ")[2] for part in found} == {
        f"`truthmap {command}` makes it again" for command in ("sample", "errors", "detector")
    }
