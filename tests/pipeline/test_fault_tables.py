"""The two tables of faults: every flipped bit and every command, every command and every moment to be killed at.

A small part here; `make soak` makes the whole and prints it as it stands in docs/verify.md (`TRUTHMAP_SOAK` set).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.fault_commands import READERS, WRITERS, complete, faults_of, found_by
from tests.killing import Death, Seen, numbers, run_to_end

from truthmap import files, storage
from truthmap.errors import RunFolderError, TruthmapError
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.runs import snapshot, tables
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run
from truthmap.study.study import Study, with_settings

pytestmark = pytest.mark.filterwarnings("ignore")  # of figures too small for the little that is drawn here
SOAK = float(os.environ.get("TRUTHMAP_SOAK", "0")) > 0
FLIPS = int(os.environ.get("TRUTHMAP_FLIPS", "20"))
EVERY = int(os.environ.get("TRUTHMAP_EVERY", "1"))
"""Of the moments to be killed at, each so many-th is tried."""
FINE = {"refused", "same", "not read"}


@pytest.fixture(scope="module")
def whole(made_once: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a run that has all that can be added to one; nobody may write into it."""
    folder = shutil.copytree(made_once, tmp_path_factory.mktemp("whole") / "run")
    study = Study(model=str(tiny_model), questions="spoken", shard=32, out=folder, device="cpu")
    ended = run_to_end(study, spoken, act=complete)
    assert ended.code == 0, ended.fault
    return folder


def files_of(run: Path) -> list[str]:
    """Return the files of a run, each kind of states once."""
    names = sorted(p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file())
    states = [n for n in names if n.startswith(("states/0", "sample_states/"))]
    kept = {states[0], next(n for n in states if n.startswith("states/0"))}
    return [n for n in names if n not in {".lock", *states} or n in kept]


def contents(place: Path) -> dict[str, str]:
    """Return the digests of all files that must come out the same: those that hold no times."""
    timed = {".lock", "stages.json", "study.yaml", "report.html"}
    found = [path for path in place.rglob("*") if path.is_file() and path.name not in timed]
    return {path.relative_to(place).as_posix(): files.file_digest(path) for path in found}


def flipped(path: Path, chance: random.Random) -> bytes:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def outcome(command: str, run: Path, other: Path, expected: object) -> str:
    """Say what a command does with a run that has a flipped bit: refuses it, finds the same, or something else."""
    try:
        found = found_by(command, run, other)
    except TruthmapError as error:
        return "refused" if len(str(error).splitlines()) == 1 else "more than a line"
    if " cannot be shown: " in found or "was not sealed from the run as it is now" in found:
        return "refused"  # the page says so in the place of the analysis or the detector, and shows the rest
    return "same" if found == expected else "OTHER"


@contextmanager
def opened() -> Iterator[set[Path]]:
    """Collect which files are opened meanwhile."""
    found: set[Path] = set()
    by_path = files.open_regular

    def collecting(path: files.AnyPath, most: int) -> BinaryIO:
        found.add(Path(path).resolve())
        return by_path(path, most)

    with pytest.MonkeyPatch.context() as patch:
        for owner in (files, tables, storage, snapshot):
            patch.setattr(owner, "open_regular", collecting)
        yield found


def flip_table(
    whole: Path, copy: Path, names: list[str], commands: list[str], flips: int
) -> Iterator[tuple[str, str, Counter[str]]]:
    """Yield, for each file and command, how often a flipped bit was refused, changed nothing, or changed something.

    A command that never opens a file is not tried with it: nothing in it can matter.
    """
    expected, reads = {}, {}
    for command in commands:
        shutil.rmtree(copy)
        shutil.copytree(whole, copy)
        with opened() as found:
            expected[command] = found_by(command, copy, whole)
        reads[command] = {
            path.relative_to(copy.resolve()).as_posix() for path in found if copy.resolve() in path.parents
        }
    for name in names:
        cells = {command: Counter[str]() for command in commands}
        chance = random.Random(name)
        for _ in range(flips):
            content = flipped(whole / name, chance)
            for command in commands:
                if name not in reads[command]:
                    cells[command]["not read"] += 1
                    continue
                shutil.rmtree(copy)
                shutil.copytree(whole, copy)
                (copy / name).write_bytes(content)
                cells[command][outcome(command, copy, whole, expected[command])] += 1
        yield from ((name, command, cell) for command, cell in cells.items())


OFTEN = ["report", "samples read"]
"""Commands that are quick: they read all files but the states."""


@pytest.mark.slow
def test_no_flipped_bit_changes_what_a_quick_command_finds(
    whole: Path, tmp_path: Path, spoken_set: QuestionSet
) -> None:
    copy = shutil.copytree(whole, tmp_path / "run")
    names = [n for n in files_of(whole) if n.startswith(("sample", "analyses/", "detector/", "confidence", "exact_p"))]
    cells = list(flip_table(whole, copy, names, OFTEN, 1))
    assert [each for each in cells if not set(each[2]) <= FINE] == []


@pytest.mark.slow
def test_every_flipped_bit_is_verified(whole: Path, tmp_path: Path, spoken_set: QuestionSet) -> None:
    copy, chance = shutil.copytree(whole, tmp_path / "run"), random.Random(0)
    unseen = set()
    for name in files_of(whole):
        (copy / name).write_bytes(flipped(whole / name, chance))
        unseen |= set() if faults_of(copy) else {name}
        shutil.copy2(whole / name, copy / name)
    # A list to fill in by hand; and what vouches for what it holds: a flip may change nothing of that.
    assert {n for n in unseen if not n.startswith(("sample_states/", "confidence", "exact_p"))} <= {"audit.csv"}


def killed_everywhere(
    study: Study, whole: Path, spoken: QuestionSet, command: str, events: Iterator[int]
) -> Iterator[tuple[int, str]]:
    """Kill a command at each of these renamings, take it up again, and say how that ended: ``same`` is how it must."""
    act, prepare = WRITERS[command]

    def begin() -> None:
        shutil.rmtree(study.out.parent)
        shutil.copytree(whole, study.out)
        prepare(study)

    begin()
    assert run_to_end(study, spoken, act=act).code == 0
    expected = contents(study.out.parent)
    for event in events:
        begin()
        death = Death(at=1 + event // 2, when=("before", "after")[event % 2])
        if run_to_end(study, spoken, death, act=act).code != -signal.SIGKILL:
            return
        ended = run_to_end(study, spoken, act=act)
        left = [path.name for path in study.out.parent.rglob(".*.part")]
        same = contents(study.out.parent) == expected
        yield (
            event,
            "same" if (ended.code, left, same) == (0, [], True) else f"{ended.code} {ended.fault} {left} {same}",
        )


@pytest.fixture
def place(study: Study, tmp_path: Path) -> Study:
    (tmp_path / "place").mkdir()
    return with_settings(study, {"out": tmp_path / "place" / "run"})


@pytest.mark.parametrize(("command", "event"), [("sample", 5), ("detector --out", 1)])
def test_killed_a_command_ends_as_if_never_killed(
    place: Study, made_once: Path, spoken: QuestionSet, command: str, event: int
) -> None:
    ((_, ended),) = killed_everywhere(place, made_once, spoken, command, iter([event]))
    assert ended == "same"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "event"), [("sample --k more", 7), ("detector", 12), ("verify --repair", 1), ("select", 9)]
)
def test_killed_a_command_on_a_full_run_ends_as_if_never_killed(
    place: Study, whole: Path, spoken: QuestionSet, command: str, event: int
) -> None:
    ((_, ended),) = killed_everywhere(place, whole, spoken, command, iter([event]))
    assert ended == "same"


@pytest.mark.slow
def test_an_update_that_was_killed_is_refused_until_it_has_ended(
    place: Study, made_once: Path, spoken: QuestionSet
) -> None:
    shutil.copytree(made_once, place.out)
    act, _ = WRITERS["run --update"]
    assert run_to_end(place, spoken, Death(at=6, when="after"), act=act).code == -signal.SIGKILL
    with pytest.raises(RunFolderError, match=r"is between two states: .* An update was stopped or is still running"):
        open_run(place.out)
    assert run_to_end(place, spoken, act=act).code == 0
    assert RunData.load(open_run(place.out)).grid().auc.size


@pytest.mark.slow
@pytest.mark.parametrize("command", ["detector", "report", "errors", "sample --k more"])
def test_a_disk_that_fills_up_is_named_whatever_is_written(
    study: Study, whole: Path, spoken: QuestionSet, small_disk: Path, command: str
) -> None:
    subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
    on_it = with_settings(study, {"out": shutil.copytree(whole, small_disk / "run")})
    room = shutil.disk_usage(small_disk).used + 20_000
    subprocess.run(["mount", "-o", f"remount,size={room}", small_disk], check=True)
    act, _ = WRITERS[command]
    ended = run_to_end(on_it, spoken, act=act)
    assert (ended.code, (ended.fault or "").partition(": ")[0]) == (2, "StorageError")
    assert "the disk is full: " in (ended.fault or "")
    assert not list(small_disk.rglob(".*.part"))
    subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
    assert run_to_end(on_it, spoken, act=act).code == 0
    assert not faults_of(on_it.out)


@pytest.mark.skipif(not SOAK, reason="make soak")
@pytest.mark.slow
def test_the_whole_table_of_flips(
    whole: Path, tmp_path: Path, spoken_set: QuestionSet, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(whole, tmp_path / "run")
    cells: dict[str, dict[str, Counter[str]]] = {}
    for name, command, cell in flip_table(whole, copy, files_of(whole), list(READERS), FLIPS):
        cells.setdefault(name, {})[command] = cell
    with capsys.disabled():
        sys.stdout.write(f"\n| file | {' | '.join(READERS)} |\n")
        for name, row in cells.items():
            told = " | ".join(", ".join(f"{n} {how}" for how, n in sorted(c.items())) for c in row.values())
            sys.stdout.write(f"| {name} | {told} |\n")
    assert {found for row in cells.values() for cell in row.values() for found in cell} <= FINE


@pytest.mark.skipif(not SOAK, reason="make soak")
@pytest.mark.slow
@pytest.mark.parametrize("command", list(WRITERS))
def test_the_whole_table_of_kills(
    place: Study, whole: Path, spoken: QuestionSet, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = dict(killed_everywhere(place, whole, spoken, command, count(0, EVERY)))
    with capsys.disabled():
        sys.stdout.write(f"\n| {command} | {len(ended)} | {sum(how == 'same' for how in ended.values())} |\n")
    assert set(ended.values()) <= {"same"}, {event: how for event, how in ended.items() if how != "same"}


@pytest.mark.skipif(not SOAK, reason="make soak")
@pytest.mark.slow
def test_a_run_with_any_flipped_bit_is_made_whole_again(
    whole: Path, tmp_path: Path, spoken_set: QuestionSet, study: Study
) -> None:
    stages = [
        n
        for n in files_of(whole)
        if "/" not in n and not n.startswith(("sample", "confidence", "exact_p", "study", "audit"))
    ]
    for name in stages:
        copy = shutil.copytree(whole, tmp_path / name / "run")
        (copy / name).write_bytes(flipped(whole / name, random.Random(name)))
        seen = Seen()
        run_study(with_settings(study, {"out": copy}), progress=seen)
        assert numbers(copy) == numbers(whole), name
        assert "Answering" not in seen.begun or name in {"answers.parquet", "stages.json"}
