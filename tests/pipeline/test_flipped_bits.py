"""The table of flipped bits: in every file of a run, and every command that reads it.

A small part here; `make soak` makes the whole and prints it as it stands in docs/verify.md (`TRUTHMAP_SOAK` set).
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
import pytest
from tests.fault_readers import READERS, THOUGHT_READERS, Read, found_by
from tests.killing import Seen, numbers

from truthmap import files, storage
from truthmap.errors import TruthmapError
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.verify import verify_run
from truthmap.questions.question_set import QuestionSet
from truthmap.runs import snapshot, tables
from truthmap.study.study import Study, with_settings

pytestmark = pytest.mark.filterwarnings("ignore")  # of figures too small for the little that is drawn here
SOAK = float(os.environ.get("TRUTHMAP_SOAK", "0")) > 0
FLIPS = int(os.environ.get("TRUTHMAP_FLIPS", "20"))
FINE = {"refused", "same", "not read"}


def files_of(run: Path) -> list[str]:
    """Return the files of a run, of the shards of its answers' states the first."""
    names = sorted(p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file() and p.name != ".lock")
    _first, *others = [name for name in names if name.startswith("states/0")]
    return [name for name in names if name not in others]


def flipped(path: Path, chance: random.Random) -> bytes:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


SAID = (
    " cannot be shown: ",  # on the page, in the place of an analysis
    "was not sealed from the run as it is now",  # on the page, in the place of the detector
    "not known: ",  # in the summary, in the place of the worst control
    " is left out",  # of the table of controls, what earlier calls measured
)
"""What is said of something broken by commands that go on with the rest."""


def outcome(read: Read, run: Path, other: Path, expected: object) -> str:
    """Say what a command does with a run that has a flipped bit: refuses it, finds the same, or something else."""
    try:
        found = found_by(read, run, other)
    except TruthmapError as error:
        return "refused" if len(str(error).splitlines()) == 1 else "more than a line"
    if any(words in " ".join(found.split()) for words in SAID):  # the terminal breaks lines
        return "refused"
    return "same" if found == expected else "OTHER"


@contextmanager
def read_of(run: Path) -> Iterator[set[str]]:
    """Collect which files of a run are opened meanwhile, in its place or where they are linked; not what is new."""
    found: set[str] = set()
    names = {path.stat().st_ino: path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    by_path = files.open_regular

    def collecting(path: files.AnyPath, most: int) -> BinaryIO:
        file = by_path(path, most)
        number = os.fstat(file.fileno()).st_ino
        found.update({names[number]} if number in names else set())
        return file

    with pytest.MonkeyPatch.context() as patch:
        for owner in (files, tables, storage, snapshot):
            patch.setattr(owner, "open_regular", collecting)
        yield found


def lay_out(run: Path, copy: Path) -> None:
    """Put a copy of a run in the place of another; files of runs are replaced and never changed, so links will do."""
    shutil.rmtree(copy.parent)
    shutil.copytree(run, copy, copy_function=os.link)
    (copy / ".lock").unlink(missing_ok=True)


def flip_table(
    run: Path, place: Path, names: list[str], readers: Mapping[str, Read], flips: int
) -> Iterator[tuple[str, str, Counter[str]]]:
    """Yield, for each file and command, how often a flipped bit was refused, changed nothing, or changed something.

    A command that never opens a file is not tried with it: nothing in it can matter.
    """
    copy = place / "copy" / "run"
    copy.mkdir(parents=True)
    expected: dict[str, str] = {}
    reads: dict[str, set[str]] = {}
    for command, read in readers.items():
        lay_out(run, copy)
        with read_of(run) as reads[command]:
            expected[command] = found_by(read, copy, run)
    for name in names:
        cells = {command: Counter[str]() for command in readers}
        chance = random.Random(name)
        for _ in range(flips):
            content = flipped(run / name, chance)
            for command, read in readers.items():
                if name not in reads[command]:
                    cells[command]["not read"] += 1
                    continue
                lay_out(run, copy)
                (copy / name).unlink()
                (copy / name).write_bytes(content)
                cells[command][outcome(read, copy, run, expected[command])] += 1
        yield from ((name, command, cell) for command, cell in cells.items())


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take intervals from few resamples: how sure a number is does not matter here."""
    monkeypatch.setattr("truthmap.metrics.bootstrap.RESAMPLES", 20)


OFTEN = {command: READERS[command] for command in ("report", "samples read")}
"""Commands that are quick: they read all files but the states."""


@pytest.mark.slow
def test_no_flipped_bit_changes_what_a_quick_command_finds(
    whole: Path, tmp_path: Path, spoken_set: QuestionSet
) -> None:
    names = [n for n in files_of(whole) if n.startswith(("sample", "analyses/", "detector/", "confidence", "exact_p"))]
    cells = list(flip_table(whole, tmp_path, names, OFTEN, 1))
    assert [each for each in cells if not set(each[2]) <= FINE] == []


@pytest.mark.slow
def test_every_flipped_bit_is_verified(whole: Path, tmp_path: Path, spoken_set: QuestionSet) -> None:
    copy, chance = shutil.copytree(whole, tmp_path / "run"), random.Random(0)
    unseen = set()
    for name in files_of(whole):
        (copy / name).write_bytes(flipped(whole / name, chance))
        unseen |= set() if verify_run(copy) or holds_the_same(copy / name, whole / name) else {name}
        shutil.copy2(whole / name, copy / name)
    # A list to fill in by hand, and states that are read again where their own digests do not fit.
    assert {name for name in unseen if not name.startswith("sample_states/")} <= {"audit.csv"}


def holds_the_same(one: Path, other: Path) -> bool:
    """Tell whether two files are tables that hold the same: what vouches for what it holds may have another byte."""
    return one.suffix == ".parquet" and pq.read_table(one).equals(pq.read_table(other))


@pytest.mark.skipif(not SOAK, reason="make soak")
@pytest.mark.slow
@pytest.mark.parametrize(("of", "readers"), [("whole", READERS), ("thinking_run", THOUGHT_READERS)])
def test_the_whole_table_of_flips(
    of: str,
    readers: Mapping[str, Read],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    spoken_set: QuestionSet,
    few_resamples: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: Path = request.getfixturevalue(of)
    before, bad = numbers(run), []
    by_command = {command: Counter[str]() for command in readers}
    with capsys.disabled():
        cells = flip_table(run, tmp_path, files_of(run), readers, FLIPS)
        for name, of_file in groupby(cells, key=lambda cell: cell[0]):
            found = Counter[str]()
            for _, command, cell in of_file:
                by_command[command] += cell
                found += cell
                bad += [(name, command, cell)] if set(cell) - FINE else []
            sys.stdout.write(row_of(name, found))
            sys.stdout.flush()
        for command, cell in by_command.items():
            sys.stdout.write(row_of(f"`{command}`", cell))
    assert bad == []
    assert numbers(run) == before


def row_of(name: str, cell: Counter[str]) -> str:
    """Return a row of the table: flips that were refused, that changed nothing, and that a command does not read."""
    odd = ", ".join(f"{n} {how}" for how, n in cell.items() if how not in FINE)
    return f"| {name} | {cell['refused']:,} | {cell['same']:,} | {cell['not read']:,} | {odd} |\n"


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
