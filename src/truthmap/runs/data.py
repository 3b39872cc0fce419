"""The records of a finished run, each file of it read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from truthmap.arrays import Floats
from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import AnyPath, read_json, reason_of
from truthmap.grading.audit import Audit
from truthmap.lm.model import LanguageModel
from truthmap.positions import Position
from truthmap.probes.grid import Grid, GridScores
from truthmap.probes.labels import LabelledAnswers, label_answers
from truthmap.records import Answer, Grade, Question, RowKey, Site, SplitAssignment
from truthmap.runs import file_names
from truthmap.runs.dataset import CellDataset, CellReader, Place
from truthmap.runs.ledger import StageEntry
from truthmap.runs.out_of_fold import read_out_of_fold
from truthmap.runs.run import Run, Summary
from truthmap.runs.tables import Record, read_records
from truthmap.store.states import StateStore

_FORMER_COLUMNS = {
    "words_auc": "text_baseline_auc",
    "words_answer_auc": "exact_answer_text_auc",
    "answer_text_auc": "exact_answer_text_auc",
    "words_question_auc": "question_text_auc",
    "words_length_auc": "length_auc",
}


@dataclass(frozen=True)
class RunData:
    """What a finished run holds: each file is read when it is first asked for, and never again.

    Open one at the start of a command and hand it down; whoever makes another reads everything another time. Sequences
    are tuples, mappings cannot be written to, and tables are handed out as copies.

    Attributes:
        run: The run.
    """

    run: Run

    @classmethod
    def load(cls, run: Run) -> RunData:
        """Open the records of a run; what it found in short is read now, all else when it is needed.

        Raises:
            DamagedFileError: the run's summary is damaged.
        """
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

    def path(self, name: str) -> AnyPath:
        """Return the path of a file of the run."""
        return self.run.folder / name

    def has(self, name: str) -> bool:
        """Tell whether the run has a file."""
        return self.path(name).is_file()

    @cached_property
    def audit(self) -> Audit:
        """Whether grades and exact answers can be trusted."""
        path = self.path(file_names.AUDIT)
        try:
            return Audit.model_validate(read_json(path))
        except ValidationError as error:
            raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; run the study again") from error

    @cached_property
    def stages(self) -> Mapping[str, StageEntry]:
        """What the ledger says of the finished stages, as it is now: whoever works in the run asks its folder."""
        return MappingProxyType(self.run.folder.entries())

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
        return self.questions_by_id[row.question_id]

    def answer_of(self, row: RowKey) -> Answer:
        """Return the answer that a row is a claim of."""
        return self._answers[row.answer]

    def grade_of(self, row: RowKey) -> Grade:
        """Return the grade of a row."""
        return self._grades[row]

    @cached_property
    def labels(self) -> LabelledAnswers:
        """What the probes of the run predict: the scored answers with their outcomes, folds and groups."""
        return label_answers(self.questions, self.grades, self.splits)

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
        largest: Floats = self._required(file_names.PERMUTATION_NULL)["largest_auc"].to_numpy()
        largest.setflags(write=False)
        return largest

    @property
    def learning_curve(self) -> pd.DataFrame:
        """What the best cell would have reached with fewer labelled answers; yours to change."""
        curve: pd.DataFrame = self._learning_curve.copy()
        return curve

    @cached_property
    def states(self) -> StateStore:
        """The store of hidden states."""
        elsewhere = self.settings.get("states_at")
        return StateStore(self.run.folder.own_states if elsewhere is None else str(elsewhere))

    def dataset(
        self,
        layer: int,
        position: Position | str | Place,
        *,
        site: Site | None = None,
        lm: LanguageModel | None = None,
    ) -> CellDataset:
        """Return the states of a cell with their labels, to fit a probe of your own to.

        Args:
            layer: The layer; from the end, if negative.
            position: A position by its name, a rule (`answer[3]`, `exact[-1]+2`), or a function of an answer and its
                grade that gives the token's index in prompt ids + answer ids, or `None`.
            site: What to read; by default what the run has stored first.
            lm: The run's model; it reads what the run has not stored.

        Raises:
            UsageError: there is no such layer or position, or the model is needed and not given.
        """
        wanted = next(iter(self.states.layout())) if site is None else Site(site)
        return CellReader(self.labels, self.states, self._answers, self._grades).read(wanted, layer, position, lm)

    @cached_property
    def _cells(self) -> pd.DataFrame:
        # Former names of columns and sites are turned into today's.
        frame: pd.DataFrame = self._table(file_names.GRID).rename(columns=_FORMER_COLUMNS)
        frame["site"] = [str(Site(name)) for name in frame["site"]]
        return frame

    @cached_property
    def _answers(self) -> Mapping[RowKey, Answer]:
        return MappingProxyType({answer.key: answer for answer in self.answers})

    @cached_property
    def _grades(self) -> Mapping[RowKey, Grade]:
        return MappingProxyType({grade.key: grade for grade in self.grades})

    @cached_property
    def _learning_curve(self) -> pd.DataFrame:
        return self._required(file_names.LEARNING_CURVE)

    @cached_property
    def _grids(self) -> Mapping[Site, Grid]:
        rows = self._cells.groupby("site", sort=False)
        return MappingProxyType({Site(site): Grid.from_frame(frame) for site, frame in rows})

    @cached_property
    def _out_of_fold(self) -> Mapping[Site, GridScores]:
        return MappingProxyType(read_out_of_fold(self.path(file_names.SCORES), self.sites))

    def _known(self, site: Site | None) -> Site:
        """Return a site that the run has a map of; by default that of the best cell."""
        wanted = self.summary.site if site is None else site
        if wanted not in self.sites:
            raise RunFolderError(
                f"{self.run.address} has no map of site {wanted}, it has {', '.join(sorted(map(str, self.sites)))}"
            )
        return wanted

    def _records(self, name: str, kind: type[Record]) -> tuple[Record, ...]:
        return read_records(self.path(name), kind)

    def _required(self, name: str) -> pd.DataFrame:
        if not self.has(name):
            raise RunFolderError(f"{self.run.address} has no {name}; run the study again to have it made")
        return self._table(name)

    def _table(self, name: str) -> pd.DataFrame:
        path = self.path(name)
        try:
            with Path(path).open("rb") as file:
                return pd.read_parquet(file)
        except (pa.ArrowException, OSError) as error:
            raise DamagedFileError(f"{path} is damaged ({reason_of(error)}); run the study again") from error
