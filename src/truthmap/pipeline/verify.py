"""Reading a whole run to find what is broken in it, and having just that made again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from truthmap.errors import DamagedFileError, RunFolderError, StorageError, UsageError
from truthmap.files import digest_of, read_json
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.up_to_date import mend_index
from truthmap.runs.file_names import (
    ANALYSES,
    CONTROLS_KEPT,
    DETECTOR,
    EXACT_P_TRUE,
    LEDGER,
    LOOKS,
    SELF_REPORTS,
    STUDY,
    most_of,
)
from truthmap.runs.folder import RunFolder, run_folder
from truthmap.runs.ledger import STAGES, StageEntry, read_ledger, stage_entry, without_damaged
from truthmap.runs.run import Run
from truthmap.runs.tables import read_sealed
from truthmap.store.index import shard_name
from truthmap.store.states import StateStore
from truthmap.study.stage_keys import stage_keys
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Progress, Silence

_INDEX = "states/index.json"
_SEALED = {SELF_REPORTS: "compare", EXACT_P_TRUE: "compare", CONTROLS_KEPT: "controls"}
"""Tables that no entry of the ledger knows, for they vouch for themselves, and the command that makes each."""


@dataclass(frozen=True)
class Broken:
    """Something in a run that is not as the run wrote it.

    Attributes:
        stage: The stage it belongs to, or `study` for the run's own books.
        name: The file; empty where the stage as a whole is meant.
        fault: What is wrong with it.
    """

    stage: str
    name: str
    fault: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.stage, self.name, self.fault) if part)


@dataclass(frozen=True)
class Verified:
    """What reading every file of a run found.

    Attributes:
        run: The run.
        is_whole: Nothing is broken.
        broken: What is.
    """

    run: str
    is_whole: bool
    broken: tuple[Broken, ...]


def verify_run(path: Path | str, progress: Progress | None = None) -> tuple[Broken, ...]:
    """Read every file of a run, in a folder or at a URL, and name those that are missing or not as they were written.

    Nothing is written. A run that is not finished has its missing stages named, too.

    Raises:
        RunFolderError: the folder is no run, or a run is working in it.
    """
    folder = _fetched(path)
    with _undisturbed(folder):
        return tuple(_broken(folder, progress or Silence()))


def repair_run(
    path: Path | str,
    progress: Progress | None = None,
    *,
    trust_remote_code: bool = False,
    states_at: str | None = None,
) -> Run:
    """Have what is broken in a run made again, and nothing else.

    The settings come from study.yaml, which may be somebody else's: code that comes with the model is run only if
    `trust_remote_code` says so here, and states are deleted and written at an address elsewhere only if `states_at`
    names it.

    Samples, analyses and the detector are not made again here: each fault names the command that does it.

    Files made again hold the same numbers; states that are captured again may differ in rounding from those that were
    kept while answering, and then the map is fitted anew from what is there now.

    Raises:
        UsageError: the run was made with code that came with its model, and `trust_remote_code` is off; or its states
            are elsewhere, and `states_at` does not name the place.
        DamagedFileError: study.yaml is broken, so that nothing says what is to be made.
        TruthmapError: whatever a run may raise.
    """
    progress = progress or Silence()
    folder = _fetched(path)
    study = _study(folder)
    if study.model.trust_remote_code and not trust_remote_code:
        raise UsageError(
            f"{path} was made by running code that came with the model {study.model.name}: if you trust that code, "
            "add --trust-remote-code"
        )
    if study.resources.states_at not in (states_at, None):
        raise UsageError(
            f"{path} says that its states are at {study.resources.states_at}: if that place is this run's own, "
            f"to be written to, add --states-at {study.resources.states_at}"
        )
    with folder.held(progress.say):
        folder.drop_damaged_entries()
        mend_index(folder.states, progress.say)
        for broken in list(_broken(folder, progress)):
            progress.say(str(broken))
            _clear_away(folder, broken)
    return run_study(study, update=True, progress=progress)


def _fetched(path: Path | str) -> RunFolder:
    folder = run_folder(path)
    # What lies at a URL is what is asked about, not the working copy.
    folder.refresh(anew=True)
    if not (folder.path / STUDY).is_file():
        raise RunFolderError(f"{path} is no run folder: it has no study.yaml; name the folder of a run")
    return folder


@contextmanager
def _undisturbed(folder: RunFolder) -> Iterator[None]:
    """Keep runs out of the folder meanwhile; a folder that nobody may write to needs no keeping."""
    with ExitStack() as kept:
        with suppress(StorageError):
            kept.enter_context(folder.held())
        yield


def _study(folder: RunFolder) -> Study:
    """Return the study that made a run, from its study.yaml."""
    known = folder.settings() or {}
    try:
        return with_settings(Study(**known["settings"]), {"states_at": known.get("states_at"), "out": folder.address})
    except (UsageError, TypeError) as error:
        raise DamagedFileError(
            f"{folder / STUDY} is damaged: {error}; "
            "the same `truthmap run` with --update writes it anew and keeps what was made with its settings"
        ) from error


def _broken(folder: RunFolder, progress: Progress) -> Iterator[Broken]:
    try:
        settings = folder.settings() or {}
        keys = stage_keys(_study(folder))
    except DamagedFileError as error:
        yield Broken("study", STUDY, str(error))
        return
    try:
        ledger = read_ledger(folder / LEDGER)
    except DamagedFileError as error:
        yield Broken("study", LEDGER, str(error))
        return
    kept, faults = without_damaged(ledger, folder / LEDGER)
    yield from (Broken("study", LEDGER, fault) for fault in faults)
    entries = {stage: stage_entry(stage, found, folder / LEDGER) for stage, found in kept.items()}
    if settings.get("keys") != keys:
        yield Broken("study", STUDY, "its keys are not those of its settings and questions, or another version's")
    for stage in (*STAGES, *(name for name in entries if name not in STAGES)):
        entry = entries.get(stage)
        if stage not in STAGES:
            yield from _broken_files(folder, stage, entries[stage])
        elif entry is None:
            yield from () if stage in ledger else (Broken(stage, "", "not finished"),)
        elif entry.key != keys[stage]:
            yield Broken(stage, STUDY, "the stage was made with other settings, or by another version")
        else:
            yield from _broken_files(folder, stage, entry)
        if stage == "states":
            yield from _broken_states(folder, None if entry is None else entry.note.get("index"), progress)
    yield from _broken_sealed(folder)
    yield from _broken_looks(folder)


def _broken_files(folder: RunFolder, stage: str, entry: StageEntry) -> Iterator[Broken]:
    for name in folder.broken_files(entry):
        fault = "not as it was written" if (folder.path / name).exists() else "missing"
        yield Broken(stage, name, fault if stage in STAGES else f"{fault}; {_again(stage)} makes it again")


def _broken_sealed(folder: RunFolder) -> Iterator[Broken]:
    for name, command in _SEALED.items():
        fault = _fault_of_sealed(folder, name)
        if fault:
            yield Broken(command, name, f"{fault}; {_again(command)} makes it again")


def _broken_looks(folder: RunFolder) -> Iterator[Broken]:
    """Name the looks at the test part whose files are not named by what they hold."""
    place = folder / LOOKS
    folder.guard(place.local)
    for name in sorted(path.name for path in place.local.glob("*.json")):
        try:
            whole = f"{digest_of(read_json(place / name, most_of(name)))}.json" == name
        except (DamagedFileError, ValueError):
            whole = False
        if not whole:
            yield Broken(DETECTOR, f"{LOOKS}/{name}", "not as it was written; it counts as one look all the same")


def _fault_of_sealed(folder: RunFolder, name: str) -> str:
    try:
        read_sealed(folder / name)
    except FileNotFoundError:
        return ""
    except DamagedFileError:
        return "not as it was written" if (folder.path / name).exists() else ""
    return ""


def _again(stage: str) -> str:
    """Name the command that makes what is no stage of the run."""
    command = {"samples": "sample"}.get(stage, stage.removeprefix(f"{ANALYSES}/").partition("-")[0])
    return f"`truthmap {command}`"


def _broken_states(folder: RunFolder, index: str | None, progress: Progress) -> Iterator[Broken]:
    try:
        store = StateStore(folder.states)
    except DamagedFileError as error:
        yield Broken("states", _INDEX, str(error))
        return
    if index is not None and store.digest != index:
        yield Broken("states", _INDEX, "not the one that the map was made from")
    for number, fault in _with_bar(store, progress).items():
        yield Broken("states", f"states/{shard_name(number)}", fault)


def _with_bar(store: StateStore, progress: Progress) -> dict[int, str]:
    with progress.stage("Reading states", len(store.numbers)) as advance:
        return store.damaged(advance)


def _clear_away(folder: RunFolder, broken: Broken) -> None:
    """Delete what is broken and would be taken for whole, so that the next run finds it missing."""
    if broken.stage == "states" and broken.name not in ("", _INDEX, STUDY):
        StateStore(folder.states).forget(int(Path(broken.name).stem))
