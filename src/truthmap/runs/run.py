"""A run that was made: where it is, and what it found in short; its records are `RunData`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from truthmap.errors import DamagedFileError, NotEnoughDataError
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.metrics.within_answer_record import WithinAnswer
from truthmap.positions import Position
from truthmap.probes.protocols import ProbeProtocol
from truthmap.records import Site
from truthmap.runs.file_names import SUMMARY
from truthmap.runs.folder import RunFolder, run_folder
from truthmap.runs.ledger import StageEntry
from truthmap.runs.snapshot import Snapshot

NO_MAP = "no-map"
"""In the ledger: no map can be drawn from the answers, and why."""

_FORMER = ("log_prob", "within_auc", "within_pairs")


class StackedCells(BaseModel):
    """A detector that reads several cells, against the best single cell.

    Attributes:
        cells: Layer and position of each, in the order in which they were taken.
        C: Inverse strength of regularisation of the second level, which weighs the cells' scores.
        validation: The AUC of stacks chosen and fitted without the fold that they score, on train + validation.
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
        converged: Share of the probes that converged.
        protocol: How the probes were made; `paper`: as the paper that the map comes from made them.
        p_value: Of the best cell, corrected for looking at the whole map; `None`: the labels were not shuffled.
        null_95: The AUC that 95 % of the label shuffles stay below anywhere on the map.
        text_baseline: The best baseline that reads all that was said and asked, and no hidden state.
        free_score: The best of the scores that come with an answer, from its tokens' log-probabilities; `None` where
            answers have none.
        before_answering: What can be read at the prompt's end; `None` where the best cell stands there itself.
        within: What the best cell tells on the test part among answers that say the same; `None` without such pairs.
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
    converged: float
    protocol: ProbeProtocol = ProbeProtocol.TRUTHMAP
    p_value: float | None = None
    null_95: float | None = None
    text_baseline: Rival | None = None
    free_score: Rival | None = None
    before_answering: Rival | None = None
    within: WithinAnswer | None = None
    stack: StackedCells | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_former_fields(cls, given: Any) -> Any:
        """Leave out numbers of the validation part that earlier versions wrote, and those of another score."""
        if not isinstance(given, Mapping):
            return given
        kept = {name: value for name, value in given.items() if name not in _FORMER}
        if isinstance(kept.get("text_baseline"), float):
            del kept["text_baseline"]
        return kept

    @property
    def optimism(self) -> float:
        """How much better the best cell looked where it was chosen than on the test part."""
        return self.validation.value - self.test.value


@dataclass(frozen=True)
class Run:
    """A run folder, opened for reading; `RunData.load` gives all that it holds.

    Attributes:
        folder: The folder, which knows its address.
        last: The last of the stages that are read.
    """

    folder: RunFolder
    last: str = "figures"

    @property
    def path(self) -> Path:
        """Where it is on this disk: the folder, or the working copy of one at a URL."""
        return self.folder.path

    @property
    def address(self) -> str:
        """Where the run is: the folder's path, or its URL."""
        return self.folder.address

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.folder.name

    @cached_property
    def snapshot(self) -> Snapshot:
        """The run's files, checked against its ledger when they are first asked for."""
        return Snapshot.take(self.folder, self.last if self.why_no_map is None else "states")

    @cached_property
    def summary(self) -> Summary:
        """What the run found, in short.

        Raises:
            NotEnoughDataError: the run has no map.
            DamagedFileError: the summary is damaged.
        """
        if self.why_no_map is not None:
            raise NotEnoughDataError(
                f"the run in {self.address} has no map: {self.why_no_map.rstrip('.')}. Its answers and grades: "
                f"`truthmap show {self.address}`"
            )
        path = self.folder / SUMMARY
        try:
            return Summary.model_validate_json(self.snapshot.read(SUMMARY))
        except ValidationError as error:
            raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; run the study again") from error

    @cached_property
    def why_no_map(self) -> str | None:
        """Why the run has no map; `None` where it has one, or is not finished."""
        ledger = self.folder.entries()
        noted, states = ledger.get(NO_MAP), ledger.get("states")
        is_so = noted is not None and states is not None and noted.key == states.key and "grid" not in ledger
        return str(noted.note.get("why", "")) if noted is not None and is_so else None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What study.yaml says: settings, model identity, versions, digests."""
        return self.snapshot.settings

    @contextmanager
    def held(self, say: Callable[[str], None] = lambda _news: None, *, patient: bool = False) -> Iterator[None]:
        """Hold the run's folder while something is added to it, after seeing that the run is still the one opened.

        Args:
            say: Told what is being waited for.
            patient: Wait up to an hour for another process that is working in it, rather than refuse at once.

        Raises:
            RunFolderError: another run is working in it, or has changed it since it was opened.
        """
        with self.folder.held(say, patient=patient):
            self.snapshot.require_unchanged()
            yield

    def added(self, name: str) -> StageEntry | None:
        """Return what the ledger says of something that was added to the run (samples, an analysis), its files checked.

        Raises:
            RunFolderError: the run itself has changed since it was opened.
            DamagedFileError: a file is missing, or not as it was written.
        """
        entry = self.folder.entry(name)
        if entry is not None:
            self.snapshot.require_unchanged()
            self.snapshot.check(entry)
        return entry


def open_run(path: Path | str) -> Run:
    """Open a finished run: in a folder, or at a URL that fsspec opens, from which what has changed is fetched.

    A run from whose answers no map can be drawn is opened too: it has `why_no_map`, answers and grades, and no summary.

    All that is read of it is checked here, once, against its ledger; its hidden states, as they are read.

    Raises:
        RunFolderError: the folder is no run, the run is not finished, or an update of it was stopped or is running.
        DamagedFileError: a file of it is missing, or not as it was written.
        StorageError: the URL cannot be reached.
    """
    folder = run_folder(path)
    folder.refresh()
    run = Run(folder)
    run.snapshot  # noqa: B018 (checked now)
    return run
