"""The records of a finished run, each file of it read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, TypeVar

import pandas as pd
from pydantic import ValidationError

from truthmap.arrays import Floats
from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import AnyPath, reason_of
from truthmap.grading.audit_record import Audit
from truthmap.positions import Position
from truthmap.probes.grid import Grid, GridScores
from truthmap.probes.labels import LabelledAnswers, label_answers
from truthmap.records import Answer, Grade, Question, RowKey, Site, SplitAssignment
from truthmap.runs import file_names
from truthmap.runs.cell_dataset import CellDataset, Place
from truthmap.runs.ledger import StageEntry
from truthmap.runs.map_table import as_map
from truthmap.runs.out_of_fold import out_of_fold_in
from truthmap.runs.stored_run import StoredRun
from truthmap.runs.summary import Summary
from truthmap.runs.tables import Record, records_in, table_in
from truthmap.store.stored import StoreReader

Joined = TypeVar("Joined")

_CELL_READER = "truthmap.runs.dataset:CellReader"
"""What reads a cell; named, since it brings torch, which records, figures and pages do without."""


@dataclass(frozen=True)
class RunData:
    """What a finished run holds: each file is read when it is first asked for, and never again.

    Open one at the start of a command and hand it down; whoever makes another reads everything another time. Sequences
    are tuples, mappings cannot be written to, and tables are handed out as copies.

    Attributes:
        run: The run.
    """

    run: StoredRun

    @classmethod
    def load(cls, run: StoredRun) -> RunData:
        """Open the records of a run; what it found in short is read now, all else when it is needed.

        Raises:
            DamagedFileError: the run's summary is damaged.
        """
        if run.why_no_map is None:
            run.summary  # noqa: B018 (read here, so that a damaged run is refused at the start)
        return cls(run)

    @property
    def summary(self) -> Summary:
        """What the run found, in short."""
        return self.run.summary

    @property
    def settings(self) -> Mapping[str, Any]:
        """What study.yaml says: settings, model identity, versions, digests."""
        return self.run.settings

    @property
    def drops_closing_token(self) -> bool:
        """Whether positions are counted without the token that closes an answer."""
        return bool(self.settings["settings"].get("states", {}).get("drop_closing_token", False))

    def path(self, name: str) -> AnyPath:
        """Return the path of a file of the run."""
        return self.run.folder / name

    def has(self, name: str) -> bool:
        """Tell whether the run has a file."""
        return self.run.snapshot.has(name)

    @cached_property
    def audit(self) -> Audit:
        """Whether grades and exact answers can be trusted."""
        try:
            return Audit.model_validate_json(self.run.snapshot.read(file_names.AUDIT))
        except ValidationError as error:
            raise self._damaged(file_names.AUDIT, f"{error.error_count()} faults") from error

    @cached_property
    def stages(self) -> Mapping[str, StageEntry]:
        """What the ledger says of the finished stages that are read."""
        return MappingProxyType(dict(self.run.snapshot.stages))

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions."""
        return self._records(file_names.QUESTIONS, Question)

    @cached_property
    def splits(self) -> tuple[SplitAssignment, ...]:
        """Which question is in which part and fold."""
        return self._records(file_names.SPLITS, SplitAssignment)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """The answers."""
        return self._records(file_names.ANSWERS, Answer)

    @cached_property
    def grades(self) -> tuple[Grade, ...]:
        """The grades."""
        return self._records(file_names.GRADES, Grade)

    @cached_property
    def questions_by_id(self) -> Mapping[str, Question]:
        """The questions by their ids."""
        return MappingProxyType({question.id: question for question in self.questions})

    def question_of(self, row: RowKey) -> Question:
        """Return the question that a row's answer is to."""
        return self._joined(self.questions_by_id, row.question_id, file_names.QUESTIONS)

    def answer_of(self, row: RowKey) -> Answer:
        """Return the answer that a row is a claim of."""
        return self._joined(self._answers, row.answer, file_names.ANSWERS)

    def grade_of(self, row: RowKey) -> Grade:
        """Return the grade of a row."""
        return self._joined(self._grades, row, file_names.GRADES)

    @cached_property
    def labels(self) -> LabelledAnswers:
        """What the probes of the run predict: the scored answers with their outcomes, folds and groups."""
        try:
            return label_answers(self.questions, self.grades, self.splits)
        except KeyError as error:
            raise self._damaged(file_names.GRADES, f"there is no question or split {error}") from error

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The sites that the run has a map of, in the order of its table."""
        return tuple(map(Site, self._cells["site"].unique()))

    @property
    def cells(self) -> pd.DataFrame:
        """The map as a table, a row per cell; yours to change."""
        cells: pd.DataFrame = self._cells.copy()
        return cells

    def grid(self, site: Site | None = None) -> Grid:
        """Return the grid of a site; by default the one of the best cell.

        Raises:
            RunFolderError: the run has no map of that site.
        """
        return self._grids[self._known(site)]

    @property
    def has_out_of_fold(self) -> bool:
        """Whether the run kept its cells' out-of-fold scores."""
        return self.has(file_names.SCORES)

    def out_of_fold(self, site: Site | None = None) -> GridScores:
        """Return what the probes of a site say of answers they have not seen; by default the site of the best cell.

        Raises:
            RunFolderError: the run has no map of that site.
            DamagedFileError: the scores cannot be read.
        """
        return self._out_of_fold[self._known(site)]

    @cached_property
    def permutation_null(self) -> Floats:
        """The largest AUC on the map for each permutation of the labels: float64 (permutations,)."""
        largest: Floats = self._table(file_names.PERMUTATION_NULL)["largest_auc"].to_numpy()
        largest.setflags(write=False)
        return largest

    @property
    def learning_curve(self) -> pd.DataFrame:
        """What the best cell would have reached with fewer labelled answers; yours to change."""
        curve: pd.DataFrame = self._learning_curve.copy()
        return curve

    @cached_property
    def states(self) -> StoreReader:
        """The stored hidden states: their index is the one in the ledger, each state is checked as it is read.

        `truthmap.store.TensorReader` reads them as tensors.

        Raises:
            DamagedFileError: the index is not the one that the map was made from.
        """
        elsewhere = self.settings.get("states_at")
        store = StoreReader(self.run.folder.own_states if elsewhere is None else str(elsewhere))
        entry = self.stages.get("states")
        if entry is None or entry.note.get("index") != store.digest:
            raise DamagedFileError(
                f"the index of the states in {store.folder} is not the one that the map of {self.run.address} was made "
                f"from; `truthmap verify {self.run.address} --repair` has it made again"
            )
        return store

    def dataset(
        self,
        layer: int,
        position: Position | str | Place,
        *,
        site: Site | None = None,
        lm: Any = None,
    ) -> CellDataset:
        """Return the states of a cell with their labels, to fit a probe of your own to.

        Args:
            layer: The layer; from the end, if negative.
            position: A position by its name, a rule (`answer[3]`, `mean(exact)`), or a function of an answer and its
                grade that gives the token's index in prompt ids + answer ids, or `None`.
            site: What to read; by default what the run has stored first.
            lm: The run's model, a `LanguageModel`; it reads what the run has not stored.

        Raises:
            UsageError: there is no such layer or position, or the model is needed and not given.
        """
        wanted = next(iter(self.states.layout())) if site is None else Site(site)
        drop, kind = self.drops_closing_token, resolve_name(_CELL_READER)
        reader = kind(self.labels, self.states, self._answers, self._grades, drop_closing_token=drop)
        found: CellDataset = reader.read(wanted, layer, position, lm)
        return found

    @cached_property
    def _cells(self) -> pd.DataFrame:
        best = self.summary  # a run that has no map says so
        try:
            cells = as_map(self._table(file_names.GRID))
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(file_names.GRID, f"it is no map ({reason_of(error)})") from error
        if not ((cells["layer"] == best.layer) & (cells["position"] == str(best.position))).any():
            raise self._damaged(file_names.SUMMARY, "its best cell is not on the map")
        return cells

    @cached_property
    def _answers(self) -> Mapping[RowKey, Answer]:
        return MappingProxyType({answer.key: answer for answer in self.answers})

    @cached_property
    def _grades(self) -> Mapping[RowKey, Grade]:
        return MappingProxyType({grade.key: grade for grade in self.grades})

    @cached_property
    def _learning_curve(self) -> pd.DataFrame:
        return self._table(file_names.LEARNING_CURVE)

    @cached_property
    def _grids(self) -> Mapping[Site, Grid]:
        rows = self._cells.groupby("site", sort=False)
        return MappingProxyType({Site(str(site)): Grid.from_frame(frame) for site, frame in rows})

    @cached_property
    def _out_of_fold(self) -> Mapping[Site, GridScores]:
        name = file_names.SCORES
        return MappingProxyType(out_of_fold_in(self.run.snapshot.read(name), self.path(name), self.sites))

    def _known(self, site: Site | None) -> Site:
        """Return a site that the run has a map of; by default that of the best cell."""
        wanted = self.summary.site if site is None else site
        if wanted not in self.sites:
            raise RunFolderError(
                f"{self.run.address} has no map of site {wanted}, it has {', '.join(sorted(map(str, self.sites)))}"
            )
        return wanted

    def _joined(self, records: Mapping[Any, Joined], key: str, name: str) -> Joined:
        """Return the record of a key, which another file of the run has."""
        try:
            return records[key]
        except KeyError as error:
            raise self._damaged(name, f"it has no {key!r}, which another file of the run names") from error

    def _damaged(self, name: str, fault: str) -> DamagedFileError:
        return DamagedFileError(f"{self.path(name)} is damaged: {fault}; run the study again")

    def _records(self, name: str, kind: type[Record]) -> tuple[Record, ...]:
        with self.run.snapshot.open(name) as file:
            return records_in(file, self.path(name), kind)

    def _table(self, name: str) -> pd.DataFrame:
        with self.run.snapshot.open(name) as file:
            return table_in(file, self.path(name))
