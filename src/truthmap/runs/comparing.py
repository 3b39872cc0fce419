"""In which settings runs differ: by their study.yaml, which is all that is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from truthmap.errors import RunFolderError, UsageError
from truthmap.runs.file_names import STUDY
from truthmap.runs.folder import run_folder

_TOLD = ("settings", "model_identity", "questions", "versions", "states_at")
"""What of study.yaml is compared: the settings, and what they came to."""


class DifferentSetting(BaseModel):
    """A setting that is not the same in all runs.

    Attributes:
        name: The setting, with dots: `settings.grid.permutations`.
        values: What it is in each run; `null` also where a run does not have it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    values: tuple[Any, ...]


class SettingsCompared(BaseModel):
    """In what several runs differ.

    Attributes:
        runs: The runs, in the order of the values.
        different: The settings that are not the same in all.
        same: How many are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs: tuple[str, ...]
    different: tuple[DifferentSetting, ...]
    same: int


def compare_settings(addresses: Sequence[str]) -> SettingsCompared:
    """Compare the settings of two or more runs, in folders or at URLs, finished or not.

    Raises:
        UsageError: fewer than two are named.
        RunFolderError: one is no run.
        DamagedFileError: a study.yaml is damaged.
    """
    if len(addresses) < 2:
        raise UsageError(f"expected two runs or more to compare, got {len(addresses)}; name another one")
    known = [dict(_flat(_told(address))) for address in addresses]
    names = dict.fromkeys(name for each in known for name in each)
    rows = {name: tuple(each.get(name) for each in known) for name in names}
    different = {name: values for name, values in rows.items() if any(value != values[0] for value in values[1:])}
    return SettingsCompared(
        runs=tuple(addresses),
        different=tuple(DifferentSetting(name=name, values=values) for name, values in different.items()),
        same=len(rows) - len(different),
    )


def _told(address: str) -> Mapping[str, Any]:
    folder = run_folder(address)
    folder.refresh()
    settings = folder.settings()
    if settings is None:
        raise RunFolderError(f"{address} is no run folder: it has no {STUDY}; name the folder of a run")
    return {name: settings.get(name) for name in _TOLD}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what stands at the ends of nested mappings, each by its names with dots between them."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
