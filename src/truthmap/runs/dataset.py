"""Reading the states of one cell with their labels: what is stored, and what the model reads once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.arrays import Bools, Ints32
from truthmap.capture.second_pass import StateCapture
from truthmap.errors import UsageError
from truthmap.grading.token_spans import locate_ranges
from truthmap.lm.model import LanguageModel
from truthmap.positions import MISSING, LocatedPositions, Position
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Answer, Grade, RowKey, Site
from truthmap.runs.cell_dataset import CellDataset, Place
from truthmap.store.stored import StoreReader
from truthmap.store.tensors import TensorReader


@dataclass(frozen=True)
class CellReader:
    """Reads cells of a run: those that are stored from the store, others with the model.

    Attributes:
        labels: The scored rows.
        store: The run's states.
        answers: The answers, by key.
        grades: The grades, by key.
        drop_closing_token: Where the run's answers end: see `locate_ranges`.
    """

    labels: LabelledAnswers
    store: StoreReader
    answers: Mapping[RowKey, Answer]
    grades: Mapping[RowKey, Grade]
    drop_closing_token: bool = False

    def read(self, site: Site, layer: int, position: Position | str | Place, lm: LanguageModel | None) -> CellDataset:
        """Return the states of a cell with their labels.

        Args:
            site: What to read.
            layer: The layer; from the end, if negative.
            position: A position by its name, a rule (`answer[3]`, `mean(exact)`), or a function of an answer and its
                grade that gives the token's index in prompt ids + answer ids, or `None`.
            lm: The run's model; only for what the run has not stored.

        Raises:
            UsageError: there is no such layer or position, or the model is needed and not given.
        """
        position = Position.of(position) if isinstance(position, str) else position
        stored = self._stored(site, position)
        n_layers = lm.n_layers if stored is None and lm is not None else self.store.layout()[self._any(site)][0]
        if not -n_layers <= layer < n_layers:
            raise UsageError(f"there is no layer {layer}: there are {n_layers}, from 0 to {n_layers - 1}")
        layer %= n_layers
        if stored is not None:
            read = TensorReader(self.store).read_cell(site, layer, stored, self.labels.ids)
            return _labelled(self.labels, read.states[0], read.present[0])
        if lm is None:
            raise UsageError(
                f"the run has not stored {site} at {_told(position)}: give its model, which reads it (lm=load_model(…))"
            )
        return self._captured(lm, site, layer, position)

    def _any(self, site: Site) -> Site:
        layout = self.store.layout()
        return site if site in layout else next(iter(layout))

    def _stored(self, site: Site, position: Position | Place) -> Position | None:
        if not isinstance(position, Position) or site not in self.store.layout():
            return None
        return position if position in self.store.positions else None

    def _captured(self, lm: LanguageModel, site: Site, layer: int, position: Position | Place) -> CellDataset:
        """Read the answers once more, with the model."""
        own = position if isinstance(position, Position) else _OWN
        ranges = {row: self._tokens(row, position) for row in self.labels.ids}
        keys = dict.fromkeys(row.answer for row in self.labels.ids)
        located = LocatedPositions.of((own,), ranges)
        shard = StateCapture(lm).capture([self.answers[key] for key in keys], located, (site,))
        order = {key: n for n, key in enumerate(shard.ids)}
        rows = [order[row] for row in self.labels.ids]
        return _labelled(self.labels, shard.states[site][layer, 0, rows], shard.present[0, rows])

    def _tokens(self, row: RowKey, position: Position | Place) -> Ints32:
        """Return where a row has a position: int32 (1, 2), `[start, end)`."""
        answer, grade = self.answers[row.answer], self.grades[row]
        if isinstance(position, Position):
            return locate_ranges(answer, grade.span, (position,), drop_closing_token=self.drop_closing_token)
        found, length = position(answer, grade), len(answer.prompt_ids) + len(answer.answer_ids)
        if found is None or found == MISSING:
            return np.array([[MISSING, MISSING]], dtype=np.int32)
        if not 0 <= found < length:
            raise UsageError(
                f"{_told(position)} gives token {found} of question {row.question_id}, which has {length} tokens, "
                f"from 0 to {length - 1}"
            )
        return np.array([[found, found + 1]], dtype=np.int32)


def _labelled(labels: LabelledAnswers, states: torch.Tensor, present: Bools) -> CellDataset:
    """Put states and labels together, row by row: states float (n, d), present bool (n,)."""
    here = np.asarray(present & torch.isfinite(states).all(dim=1).numpy())
    kept = labels.take(here)
    x = states[torch.from_numpy(here)].float().numpy()
    return CellDataset(x, kept.y, kept.ids, kept.split, kept.fold, kept.group, int((~here).sum()))


_OWN = Position.by_rule("answer[0]")
"""Stands for a column of states that is handed out at once and never stored."""


def _told(position: Position | Place) -> str:
    return getattr(position, "__name__", str(position))
