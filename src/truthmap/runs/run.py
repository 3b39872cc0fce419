"""A run that was made: where it is, and what it found in short; its records are `RunData`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import read_json
from truthmap.positions import Position
from truthmap.records import Site
from truthmap.runs.file_names import STUDY, SUMMARY
from truthmap.runs.folder import RunFolder
from truthmap.runs.remote import local_folder


class Interval(BaseModel):
    """An AUC with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auc: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.auc:.3f} [{self.low:.3f}, {self.high:.3f}]"


class StackedCells(BaseModel):
    """A detector that reads several cells, against the best single cell.

    Attributes:
        cells: Layer and position of each, in the order in which they were taken.
        validation: Its cross-validated AUC on train + validation.
        gain, gain_low, gain_high: How much higher that is than the best cell's, with the paired 95 % interval.
        chosen: Whether the gain is beyond noise (its interval lies above zero); else the single cell stands.
        test: Its AUC on the test answers, if it was chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: tuple[tuple[int, Position], ...]
    validation: Interval
    gain: float
    gain_low: float
    gain_high: float
    chosen: bool
    test: Interval | None


class Summary(BaseModel):
    """What a run found, in short.

    Attributes:
        right, wrong, unscored, refusals: Counts of answers; refusals are among the wrong ones.
        found_right, found_wrong: Share of these answers in which an exact answer was found.
        site, layer, position, C: The best cell, chosen on train + validation, and its regularisation.
        validation: Its cross-validated AUC on train + validation.
        test: Its AUC on the test part, which was used for nothing else.
        log_prob: AUC of the mean log-probability of the answer's tokens on the same test answers.
        converged: Share of the probes that converged.
        protocol: `study`: the numbers are made the way of the study that the map comes from.
        p_value: Of the best cell, corrected for looking at the whole map; `None`: the labels were not shuffled.
        null_95: The AUC that 95 % of the label shuffles stay below anywhere on the map.
        words: AUC of the best words-only baseline on the answers of `validation`.
        within_auc, within_pairs: AUC of the best cell over pairs of a right and a wrong answer that say the same.
        several: The best detector that reads several cells; `None` where none was tried.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    questions: str
    right: int
    wrong: int
    unscored: int
    refusals: int
    found_right: float
    found_wrong: float
    site: Site
    layer: int
    position: Position
    C: float
    validation: Interval
    test: Interval
    log_prob: Interval | None
    converged: float
    protocol: Literal["truthmap", "study"] = "truthmap"
    p_value: float | None = None
    null_95: float | None = None
    words: float | None = None
    within_auc: float | None = None
    within_pairs: int = 0
    several: StackedCells | None = None

    @property
    def optimism(self) -> float:
        """How much better the best cell looked where it was chosen than on the test part."""
        return self.validation.auc - self.test.auc


@dataclass(frozen=True)
class Run:
    """A run folder, opened for reading; `RunData.load` gives all that it holds.

    Attributes:
        path: The folder; of a run at a URL, its working copy.
    """

    path: Path

    @property
    def address(self) -> str:
        """Where the run is: the folder's path, or its URL."""
        mirror = RunFolder(self.path).mirror
        return str(self.path) if mirror is None else mirror.address

    @property
    def name(self) -> str:
        """The last part of its address."""
        return PurePosixPath(self.address).name if RunFolder(self.path).mirror else self.path.name

    @cached_property
    def summary(self) -> Summary:
        """What the run found, in short."""
        path = self.path / SUMMARY
        try:
            return Summary.model_validate(read_json(path))
        except ValidationError as error:
            raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; run the study again") from error

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """What study.yaml says: settings, model identity, versions, digests."""
        return RunFolder(self.path).settings() or {}


def open_run(path: Path | str) -> Run:
    """Open a finished run: in a folder, or at a URL that fsspec opens, from which what has changed is fetched.

    Raises:
        RunFolderError: the folder is no run, or the run is not finished.
        StorageError: the URL cannot be reached.
    """
    folder = local_folder(path)
    RunFolder(folder).refresh()
    if not folder.exists():
        raise RunFolderError(
            f"{folder} is no run folder: it does not exist; make one with `truthmap run --out {folder}`"
        )
    if not (folder / STUDY).is_file():
        raise RunFolderError(f"{folder} is no run folder: it has no study.yaml; name the folder of a run")
    run = Run(folder)
    RunFolder(folder).require_format(run.settings)
    if not (folder / SUMMARY).is_file():
        raise RunFolderError(f"the run in {folder} is not finished; start the same `truthmap run` again to go on")
    return run
