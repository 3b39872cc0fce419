"""The table of kills: every command that writes, killed around every file event and started again.

A small part here; `make soak` makes the whole and prints it as it stands in docs/verify.md (`TRUTHMAP_SOAK` set).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.fault_commands import WRITERS
from tests.killing import Death, run_to_end

from truthmap.errors import RunFolderError
from truthmap.files import file_digest
from truthmap.pipeline.verify import verify_run
from truthmap.questions.question_set import QuestionSet
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run
from truthmap.study.study import Study, with_settings

SOAK = float(os.environ.get("TRUTHMAP_SOAK", "0")) > 0
EVERY = int(os.environ.get("TRUTHMAP_EVERY", "1"))
"""Of the moments to be killed at, each so many-th is tried."""


def contents(place: Path) -> dict[str, str]:
    """Return the digests of all files that must come out the same: those that hold no times."""
    timed = {".lock", "stages.json", "study.yaml", "report.html"}
    found = [path for path in place.rglob("*") if path.is_file() and path.name not in timed]
    return {path.relative_to(place).as_posix(): file_digest(path) for path in found}


def killed_everywhere(
    study: Study, whole: Path, spoken: QuestionSet, command: str, events: Iterator[int]
) -> Iterator[tuple[int, str]]:
    """Kill a command at each of these renamings, take it up again, and say how that ended: ``same`` is how it must."""
    act = WRITERS[command].act

    def begin() -> None:
        shutil.rmtree(study.out.parent)
        shutil.copytree(whole, study.out)
        WRITERS[command].prepare(study)

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


@pytest.mark.parametrize(
    ("command", "event"), [("sample", 5), pytest.param("detector --out", 1, marks=pytest.mark.slow)]
)
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
    act = WRITERS["run --update"].act
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
    act = WRITERS[command].act
    ended = run_to_end(on_it, spoken, act=act)
    assert (ended.code, (ended.fault or "").partition(": ")[0]) == (2, "StorageError")
    assert "the disk is full: " in (ended.fault or "")
    assert not list(small_disk.rglob(".*.part"))
    subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
    assert run_to_end(on_it, spoken, act=act).code == 0
    assert not verify_run(on_it.out)


@pytest.mark.skipif(not SOAK, reason="make soak")
@pytest.mark.slow
@pytest.mark.parametrize("command", list(WRITERS))
def test_the_whole_table_of_kills(
    place: Study,
    request: pytest.FixtureRequest,
    spoken: QuestionSet,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: Path = request.getfixturevalue(WRITERS[command].run)
    ended = dict(killed_everywhere(place, run, spoken, command, count(0, EVERY)))
    with capsys.disabled():
        sys.stdout.write(f"\n| {command} | {len(ended)} | {sum(how == 'same' for how in ended.values())} |\n")
    assert set(ended.values()) <= {"same"}, {event: how for event, how in ended.items() if how != "same"}
