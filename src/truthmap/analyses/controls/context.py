"""What the controls of a run share: its best cell's probe on the test part, and what was said and asked in each row."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from truthmap.analyses.controls.settings import ControlSettings
from truthmap.analyses.probing import probe_settings
from truthmap.arrays import Floats
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.reopen import reopen
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.text_encoder import TextEncoder, load_text_encoder
from truthmap.metrics.estimate import Estimate
from truthmap.probes.grid import Cell, Grid, best_cell
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.rivals import Contest
from truthmap.probes.test_part import TestScore, score_on_test
from truthmap.probes.text_baseline import TextBaselineFit, fit_text_baselines
from truthmap.probes.text_features import RowTexts, row_texts
from truthmap.runs.data import RunData
from truthmap.store.tensors import TensorReader
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.terminal.progress import Progress, Silence


@dataclass(frozen=True)
class ControlContext:
    """A run under control: what several controls use is computed when the first of them asks, and once.

    Attributes:
        data: The records of the run.
        settings: What some controls need besides the run.
        reopening: Where and how fast to compute, for controls that take the model.
        progress: Who shows the stages.
    """

    data: RunData
    settings: ControlSettings = field(default_factory=ControlSettings)
    reopening: ReopenSettings | None = None
    progress: Progress = field(default_factory=Silence)

    @cached_property
    def grid(self) -> Grid:
        """The map of the best cell's site."""
        return self.data.grid()

    @cached_property
    def cell(self) -> Cell:
        """The best cell."""
        return best_cell(self.grid)

    @cached_property
    def fitting(self) -> GridSettings:
        """How the run's probes were fitted."""
        return probe_settings(self.data)

    @cached_property
    def test(self) -> TestScore:
        """The best cell's probe on the test part.

        Raises:
            NotEnoughDataError: the test answers that have the position are all right, or all wrong.
        """
        return score_on_test(TensorReader(self.data.states), self.data.labels, self.grid, self.cell, self.fitting)

    @property
    def tested(self) -> LabelledAnswers:
        """The n test rows that the probe scores: on these every control is measured, or on some of them."""
        return self.test.labels

    @cached_property
    def probe(self) -> Floats:
        """The probe's scores of the test rows: float64 (n,), in the order of `tested`."""
        scores = self.test.scores
        return np.array([scores[row] for row in self.tested.ids], dtype=np.float64)

    @property
    def auc(self) -> Estimate:
        """The probe's AUC on the test rows."""
        return self.test.auc

    @cached_property
    def seen(self) -> LabelledAnswers:
        """The rows of train + validation."""
        return self.data.labels.of(test=False)

    @cached_property
    def contest(self) -> Contest:
        """What other readers are held against: the probe's test rows, and the rows that chose its cell."""
        kept = self.data.out_of_fold(self.cell.site).at(self.cell) if self.data.has_out_of_fold else self.seen.ids
        return Contest(self.data.labels, self.test, tuple(kept))

    @cached_property
    def texts(self) -> RowTexts:
        """What was said and asked in each row."""
        answers = {answer.key: answer for answer in self.data.answers}
        return row_texts(self.data.labels, self.data.questions, answers, self.data.grades)

    @cached_property
    def text_fit(self) -> TextBaselineFit:
        """The text baselines, fitted on train + validation."""
        with self.progress.stage("Fitting the text baselines", None):
            return fit_text_baselines(self.texts.take(self.seen.ids), self.seen)

    @cached_property
    def encoder(self) -> TextEncoder | None:
        """The sentence-embedding model that the settings name.

        Raises:
            ModelError: it cannot be loaded.
        """
        name = self.settings.text_model
        device = "auto" if self.reopening is None else self.reopening.resources.device
        return None if name is None else load_text_encoder(name, LoadSettings(device=device))

    @cached_property
    def active(self) -> ActiveRun:
        """The run, open to go on from: its questions, and its model when something first asks for it.

        Raises:
            RunFolderError: the answers in the folder are not those that its settings and questions would give today.
        """
        return reopen(self.data.run, self.reopening, self.progress)

    def free_model(self) -> None:
        """Let the memory of the run's model and the workers that hold it go: another model needs the room.

        Whoever asks for them next gets them again.
        """
        if "active" in self.__dict__:
            self.active.let_workers_go()
            if self.active.models.has_weights:
                self.active.models.without_weights()

    def close(self) -> None:
        """Close what was opened."""
        if "active" in self.__dict__:
            self.active.close()
