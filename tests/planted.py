"""A run in memory whose truth is known: what drives the outcomes, and what the states hold, is planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tests.probes.conftest import MemoryStates

from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.probes.fit_grid import RIGHT, GridFit, fit_grids
from truthmap.probes.grid import Grid, GridScores
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, label_answers
from truthmap.records import Answer, Grade, Outcome, Question, RowKey, Site, Span, Split, SplitAssignment

LAST_Q, EXACT = Position.of("last_q"), Position.of("exact_answer_last")


@dataclass(frozen=True)
class PlantedRun:
    """What `RunData` gives of a run, from memory.

    Attributes:
        right: bool (n,), the outcomes.
        signals: float (n,) per position: what its states hold, beside noise.
        said: The exact answer of each row.
        asked: The question of each row.
        accepted: The accepted answers of each row.
        contexts: Text given with each question.
        started: Words before the exact answer.
        log_probs: A log-probability per row, of each of its tokens.
        layers: How many; the last one holds the signals, the others nothing.
    """

    right: np.ndarray
    signals: Mapping[Position, np.ndarray]
    said: Sequence[str] = ()
    asked: Sequence[str] = ()
    accepted: Sequence[tuple[str, ...]] = ()
    contexts: Sequence[str | None] = ()
    started: Sequence[str] = ()
    log_probs: Sequence[float] = ()
    layers: int = 1
    d: int = 6
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=lambda: {"settings": {}})
    has_out_of_fold: bool = True

    @cached_property
    def summary(self) -> Any:
        return SimpleNamespace(protocol="truthmap", model="planted", questions="planted")

    @cached_property
    def run(self) -> Any:
        """A folder to which nothing was added: no samples, no second grading."""
        return SimpleNamespace(address="planted", folder=SimpleNamespace(entry=lambda _name: None))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"q{n:04d}" for n in range(len(self.right)))

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        asked = self.asked or [f"What is thing {n}?" for n in range(len(self.right))]
        accepted = self.accepted or [("gold",)] * len(self.right)
        contexts = self.contexts or [None] * len(self.right)
        rows = zip(self.ids, asked, accepted, contexts, strict=True)
        return tuple(Question(i, text, gold, context=context) for i, text, gold, context in rows)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        made = []
        for n, i in enumerate(self.ids):
            text = self._start(n) + self._said(n) + "."
            words = text.count(" ") + 1
            log_prob = self.log_probs[n] if self.log_probs else -0.5
            made.append(
                Answer(i, (1, 2), tuple(range(words)), text, (log_prob,) * words, _offsets(text), finished=True)
            )
        return tuple(made)

    @cached_property
    def grades(self) -> tuple[Grade, ...]:
        made = []
        for n, i in enumerate(self.ids):
            start, said = len(self._start(n)), self._said(n)
            outcome = Outcome.RIGHT if self.right[n] else Outcome.WRONG
            made.append(Grade(i, outcome, "alias", Span(start, start + len(said)), said, said, "planted"))
        return tuple(made)

    @cached_property
    def splits(self) -> tuple[SplitAssignment, ...]:
        draw = np.random.default_rng([self.seed, 1])
        test, fold = draw.random(len(self.ids)) < 0.4, draw.integers(0, 4, len(self.ids))
        return tuple(
            SplitAssignment(i, Split.TEST if t else Split.TRAIN, -1 if t else int(f))
            for i, t, f in zip(self.ids, test, fold, strict=True)
        )

    @cached_property
    def labels(self) -> LabelledAnswers:
        return label_answers(self.questions, self.grades, self.splits)

    @cached_property
    def states(self) -> MemoryStates:
        draw = np.random.default_rng(self.seed)
        states = draw.standard_normal((self.layers, len(LEGACY_POSITIONS), len(self.ids), self.d)).astype(np.float32)
        for position, signal in self.signals.items():
            states[-1, LEGACY_POSITIONS.index(position), :, 0] = signal
        present = np.ones((len(LEGACY_POSITIONS), len(self.ids)), bool)
        return MemoryStates(self.ids, torch.from_numpy(states), present, tuple(self.signals))

    @cached_property
    def fit(self) -> GridFit:
        settings = GridSettings(cs=(1e-2, 1.0), n_permutations=0)
        return fit_grids(self.states, self.labels, {RIGHT: self.labels.y}, Site.RESIDUAL, settings)[RIGHT]

    def grid(self, site: Site | None = None) -> Grid:
        return self.fit.grid

    def out_of_fold(self, site: Site | None = None) -> GridScores:
        return self.fit.out_of_fold

    def question_of(self, row: RowKey) -> Question:
        return {q.id: q for q in self.questions}[row.question_id]

    def answer_of(self, row: RowKey) -> Answer:
        return {a.key: a for a in self.answers}[row.answer]

    def grade_of(self, row: RowKey) -> Grade:
        return {g.key: g for g in self.grades}[row]

    def _said(self, n: int) -> str:
        return self.said[n] if self.said else f"thing {n}"

    def _start(self, n: int) -> str:
        return self.started[n] if self.started else "It is "


def _offsets(text: str) -> tuple[tuple[int, int], ...]:
    """Return the characters of each word, the blank before it included."""
    offsets, start = [], 0
    for word in text.split(" "):
        end = start + len(word) + (1 if start else 0)
        offsets.append((start, end))
        start = end
    return tuple(offsets)
