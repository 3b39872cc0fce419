"""Whether a run is what its study wants: asked of its folder, before anything that makes a run is loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from truthmap.errors import DamagedFileError, RunFolderError, UsageError
from truthmap.files import AnyPath, storage_errors
from truthmap.runs.file_names import STUDY
from truthmap.runs.folder import FORMAT, RunFolder, run_folder
from truthmap.runs.ledger import STAGES
from truthmap.runs.run import Run
from truthmap.settings_base import Resource, marker
from truthmap.store.index import ForeignFormatError, is_index_lost, rebuild_index
from truthmap.store.stored import StoreReader
from truthmap.study.stage_keys import stage_keys
from truthmap.study.study import Study, kept_leaves, kept_settings, value_of
from truthmap.terminal.progress import Progress, Silence


class MakeStages(Protocol):
    """Makes what a run lacks, in its folder, which is held."""

    def __call__(
        self, study: Study, folder: RunFolder, keys: Mapping[str, str], unfinished: Sequence[str], progress: Progress
    ) -> None:
        """Make the unfinished stages; keys are those of all stages."""
        ...


def bring_up_to_date(study: Study, make: MakeStages, *, update: bool = False, progress: Progress | None = None) -> Run:
    """Have the run of a study made, or gone on with where it stopped; a finished run is left as it is.

    Args:
        study: What is asked of which model, and how.
        make: Makes what is missing; not called where nothing is.
        update: The run folder may have been made with other settings: redo what depends on the changed ones.
        progress: Who shows the stages; nobody by default.

    Raises:
        TruthmapError: any of its kinds, with what to do; finished work is kept.
    """
    progress = progress or Silence()
    folder = run_folder(study.out)
    with storage_errors(folder.root):
        existed = folder.path.exists()
    with folder.held(progress.say):
        try:
            _refuse_other_settings(folder, study, update=update)
            _make(study, folder, make, progress)
        except BaseException:
            # A run that never began leaves no folder behind, so that the corrected command finds none in its way.
            if not existed and not (folder.path / STUDY).exists():
                shutil.rmtree(folder.path, ignore_errors=True)
            raise
    return Run(folder)


def _make(study: Study, folder: RunFolder, make: MakeStages, progress: Progress) -> None:
    keys = stage_keys(study)
    for fault in folder.drop_damaged_entries():
        progress.say(fault)
    states_at = study.resources.states_at or folder.own_states
    mend_index(states_at, progress.say)
    unfinished = [stage for stage in STAGES if not is_up_to_date(folder, stage, keys, states_at)]
    if unfinished:
        make(study, folder, keys, unfinished, progress)
    else:
        progress.say(f"nothing to do: {folder.address} is finished")


def mend_index(states_at: AnyPath | str, say: Callable[[str], None]) -> None:
    """Make an index of the states that is lost or not as it was written anew, from the states' files that are whole.

    Raises:
        DamagedFileError: the index is of a format that this version does not read, or a link leads out of the folder.
    """
    try:
        if not is_index_lost(states_at):
            StoreReader(states_at)
            return
        say(f"{states_at} has states and no index; reading them to make it anew")
    except ForeignFormatError:
        raise
    except DamagedFileError as error:
        say(f"{error}; reading the states to make it anew")
    rebuild_index(states_at)


def is_up_to_date(
    folder: RunFolder, stage: str, keys: Mapping[str, str], states_at: AnyPath | str, store: StoreReader | None = None
) -> bool:
    """Tell whether a stage is finished, from what its key stands for, and its files are still what it wrote.

    The states are many times larger than all other files together: here their sizes are looked at; their bytes are
    checked when they are read, and by `verify_run`.

    Args:
        folder: The run's folder.
        stage: The stage's name.
        keys: The keys of all stages.
        states_at: Where the states are.
        store: The store there, if it is open.
    """
    if not folder.is_finished(stage, keys[stage]):
        return False
    if stage != "states":
        return True
    entry, store = folder.entry(stage), store or StoreReader(states_at)
    return entry is not None and entry.note.get("index") == store.digest and not store.misplaced()


def _refuse_other_settings(folder: RunFolder, study: Study, *, update: bool) -> None:
    """Refuse a folder made with other settings, unless `update`."""
    try:
        known = folder.settings()
    except DamagedFileError:
        if not update:
            raise
        folder.write_settings({"format": FORMAT, "settings": kept_settings(study), "keys": stage_keys(study)})
        return
    if known is None or update:
        return
    if known.get("format") != FORMAT:
        raise RunFolderError(
            f"{folder.address} was made by a version of truthmap that wrote other files: choose another --out, or add "
            "--update to make it anew"
        )
    different = _differences(_known_study(folder, known["settings"]), study)
    if different:
        raise RunFolderError(
            f"{folder.address} was made with other settings ({'; '.join(different)}): "
            "choose another --out, or add --update to redo what depends on them"
        )


def _known_study(folder: RunFolder, settings: Mapping[str, Any]) -> Study:
    """Return the study that a folder was made with; a setting that its version did not have yet is as by default."""
    try:
        return Study(**settings)
    except UsageError as error:
        raise RunFolderError(
            f"{folder.address} was made with settings that this version does not know ({error}): choose another --out, "
            "or add --update to make it anew"
        ) from error


def _differences(before: Study, now: Study) -> list[str]:
    """Say which settings differ; those that say only where and how fast are left out."""
    leaves = {leaf.name: leaf for study in (before, now) for leaf in kept_leaves(study)}
    values = {
        name: (_told(value_of(before, leaf)), _told(value_of(now, leaf)))
        for name, leaf in sorted(leaves.items())
        if marker(leaf.field, Resource) is None
    }
    return [f"{name} was {old!r}, is {new!r}" for name, (old, new) in values.items() if old != new]


def _told(value: Any) -> Any:
    """Return a setting's value as the user writes it: an engine by its name."""
    plain = tuple(map(str, value)) if isinstance(value, tuple) else value
    return getattr(plain, "kind", str(plain) if isinstance(plain, (Path, Enum)) else plain)
