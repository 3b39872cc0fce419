"""A run that was made: its numbers, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import read_json
from truthmap.pipeline.folder import RunFolder
from truthmap.pipeline.tables import read_records
from truthmap.records import Answer, Grade, Position, Question, Site, Split

if TYPE_CHECKING:
    import pandas as pd

    from truthmap.analyses import Audit
    from truthmap.probes import Grid
    from truthmap.store import StateStore


class Interval(BaseModel):
    """An AUC with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auc: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.auc:.3f} [{self.low:.3f}, {self.high:.3f}]"


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

    @property
    def optimism(self) -> float:
        """How much better the best cell looked where it was chosen than on the test part."""
        return self.validation.auc - self.test.auc


@dataclass(frozen=True)
class Run:
    """A run folder, opened for reading."""

    path: Path

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
        from truthmap.analyses import Audit

        path = self.path / "audit.json"
        try:
            return Audit.model_validate(read_json(path))
        except ValidationError as error:
            raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; run the study again") from error

    def questions(self) -> tuple[Question, ...]:
        """Read the questions."""
        return read_records(self.path / "questions.parquet", Question)

    def splits(self) -> tuple[Split, ...]:
        """Read which question is in which part and fold."""
        return read_records(self.path / "splits.parquet", Split)

    def answers(self) -> tuple[Answer, ...]:
        """Read the answers."""
        return read_records(self.path / "answers.parquet", Answer)

    def grades(self) -> tuple[Grade, ...]:
        """Read the grades."""
        return read_records(self.path / "grades.parquet", Grade)

    def cells(self) -> pd.DataFrame:
        """Read grid.parquet: a row per cell."""
        import pandas as pd
        import pyarrow as pa

        path = self.path / "grid.parquet"
        try:
            return pd.read_parquet(path)
        except (pa.ArrowException, OSError) as error:
            raise DamagedFileError(f"{path} is damaged ({error}); run the study again") from error

    def grid(self, site: Site | None = None) -> Grid:
        """Give the grid of a site; by default the one of the best cell."""
        from truthmap.probes import Grid

        frame = self.cells()
        return Grid.from_frame(frame[frame["site"] == str(site or self.summary.site)])

    def states(self) -> StateStore:
        """Open the store of hidden states."""
        from truthmap.store import StateStore

        return StateStore(self.path / "states")


def open_run(path: Path | str) -> Run:
    """Open a finished run.

    Raises:
        RunFolderError: the folder is no run, or the run is not finished.
    """
    folder = Path(path)
    if not (folder / "study.yaml").is_file():
        raise RunFolderError(
            f"{folder} is no run folder: it has no study.yaml; make one with `truthmap run --out {folder}`"
        )
    if not (folder / "summary.json").is_file():
        raise RunFolderError(f"the run in {folder} is not finished; start the same `truthmap run` again to go on")
    return Run(folder)
