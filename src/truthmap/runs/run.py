"""A run that was made: its numbers, read from its folder."""

from __future__ import annotations

from truthmap.arrays import Floats

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import read_json
from truthmap.metrics.estimate import Estimate
from truthmap.runs.folder import RunFolder
from truthmap.runs.remote import local_folder
from truthmap.runs.tables import read_records
from truthmap.probes.protocols import ProbeProtocol
from truthmap.positions import Position
from truthmap.records import Answer, Grade, Question, Site, SplitAssignment

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from truthmap.grading.audit import Audit
    from truthmap.probes.grid import (Grid, GridScores)
    from truthmap.store.states import StateStore


_FORMER_COLUMNS = {
    "words_auc": "text_baseline_auc",
    "words_answer_auc": "answer_text_auc",
    "words_question_auc": "question_text_auc",
    "words_length_auc": "length_auc",
}


class StackedCells(BaseModel):
    """A detector that reads several cells, against the best single cell.

    Attributes:
        cells: Layer and position of each, in the order in which they were taken.
        C: Inverse strength of regularisation of the second level, which weighs the cells' scores.
        validation: Its cross-validated AUC on train + validation.
        gain: How much higher that is than the best cell's, with the paired 95 % interval.
        chosen: Whether the gain is beyond noise (its interval lies above zero); else the single cell stands.
        test: Its AUC on the test answers, if it was chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: tuple[tuple[int, Position], ...]
    C: float
    validation: Estimate
    gain: Estimate
    chosen: bool
    test: Estimate | None


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
        protocol: How the probes were made; `paper`: as the paper that the map comes from made them.
        p_value: Of the best cell, corrected for looking at the whole map; `None`: the labels were not shuffled.
        null_95: The AUC that 95 % of the label shuffles stay below anywhere on the map.
        text_baseline: AUC of the best text-only baseline on the answers of `validation`.
        within_auc, within_pairs: AUC of the best cell over pairs of a right and a wrong answer that say the same.
        stack: The best detector that reads several cells; `None` where none was tried.
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
    validation: Estimate
    test: Estimate
    log_prob: Estimate | None
    converged: float
    protocol: ProbeProtocol = ProbeProtocol.TRUTHMAP
    p_value: float | None = None
    null_95: float | None = None
    text_baseline: float | None = None
    within_auc: float | None = None
    within_pairs: int = 0
    stack: StackedCells | None = None

    @property
    def optimism(self) -> float:
        """How much better the best cell looked where it was chosen than on the test part."""
        return self.validation.value - self.test.value


@dataclass(frozen=True)
class Run:
    """A run folder, opened for reading.

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
        path = self.path / "summary.json"
        try:
            return Summary.model_validate(read_json(path))
        except ValidationError as error:
            raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; run the study again") from error

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """What study.yaml says: settings, model identity, versions, digests."""
        return RunFolder(self.path).settings() or {}

    @cached_property
    def audit(self) -> Audit:
        """Whether grades and exact answers can be trusted."""
        from truthmap.grading.audit import Audit

        path = self.path / "audit.json"
        try:
            return Audit.model_validate(read_json(path))
        except ValidationError as error:
            raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; run the study again") from error

    def questions(self) -> tuple[Question, ...]:
        """Read the questions."""
        return read_records(self.path / "questions.parquet", Question)

    def splits(self) -> tuple[SplitAssignment, ...]:
        """Read which question is in which part and fold."""
        return read_records(self.path / "splits.parquet", SplitAssignment)

    def answers(self) -> tuple[Answer, ...]:
        """Read the answers."""
        return read_records(self.path / "answers.parquet", Answer)

    def grades(self) -> tuple[Grade, ...]:
        """Read the grades."""
        return read_records(self.path / "grades.parquet", Grade)

    def cells(self) -> pd.DataFrame:
        """Read grid.parquet: a row per cell; former names of sites and columns are turned into today's."""
        frame = self._table("grid.parquet")
        frame.columns = [_FORMER_COLUMNS.get(name, name) for name in frame.columns]
        frame["site"] = [str(Site(name)) for name in frame["site"]]
        return frame

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa

        path = self.path / name
        try:
            return pd.read_parquet(path)
        except (pa.ArrowException, OSError) as error:
            raise DamagedFileError(f"{path} is damaged ({error}); run the study again") from error

    def grid(self, site: Site | None = None) -> Grid:
        """Return the grid of a site; by default the one of the best cell."""
        from truthmap.probes.grid import Grid

        frame = self.cells()
        return Grid.from_frame(frame[frame["site"] == str(site or self.summary.site)])

    def out_of_fold(self, site: Site | None = None) -> GridScores:
        """Return what the probes of a site say of answers they have not seen; by default the site of the best cell."""
        from truthmap.runs.out_of_fold import NAME, read_out_of_fold

        return read_out_of_fold(self.path / NAME, site or self.summary.site)

    def null(self) -> Floats:
        """Return the largest AUC on the map for each shuffle of the labels: float64 (permutations,)."""
        return self._table("null.parquet")["largest_auc"].to_numpy()

    def curve(self) -> pd.DataFrame:
        """Read curve.parquet: what the best cell would have reached with fewer labelled answers."""
        return self._table("curve.parquet")

    def states(self) -> StateStore:
        """Open the store of hidden states."""
        from truthmap.store.states import StateStore

        return StateStore(RunFolder(self.path).states)


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
    if not (folder / "study.yaml").is_file():
        raise RunFolderError(f"{folder} is no run folder: it has no study.yaml; name the folder of a run")
    RunFolder(folder).require_format()
    if not (folder / "summary.json").is_file():
        raise RunFolderError(f"the run in {folder} is not finished; start the same `truthmap run` again to go on")
    return Run(folder)
