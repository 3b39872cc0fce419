"""What a map's columns hold and how its answers ended, beside the numbers of its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from truthmap.arrays import Floats
from truthmap.grading.column_contents import ColumnContents, CutAnswers, TokenKind, column_contents
from truthmap.grading.cut_answers import count_cut
from truthmap.positions import Position
from truthmap.probes.grid import Grid
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Answer, Grade, Outcome, RowKey
from truthmap.study.sections import StatesSection


@dataclass(frozen=True)
class MapContents:
    """What is said of a map beside its numbers."""

    columns: tuple[ColumnContents, ...]
    endings: CutAnswers

    @classmethod
    def of(
        cls,
        answers: Mapping[RowKey, Answer],
        grades: Sequence[Grade],
        labels: LabelledAnswers,
        positions: Sequence[Position],
        settings: StatesSection,
    ) -> MapContents:
        """Look at the rows that a map is made of: `labels` are those of the scored ones."""
        rows = [(answers[grade.key.answer], grade) for grade in grades]
        scored = [(answer, grade) for answer, grade in rows if grade.outcome is not Outcome.UNSCORED]
        drop = settings.drop_closing_token
        group = dict(zip(labels.ids, labels.group, strict=True))
        return cls(column_contents(scored, positions, drop_closing_token=drop), count_cut(rows, group))

    def beside(self, grid: Grid) -> Grid:
        """Say in each cell of a grid what its column holds."""

        def in_every_layer(shares: Sequence[float]) -> Floats:
            return np.tile(np.array(shares, dtype=np.float64), (len(grid.auc), 1))

        return replace(
            grid,
            closing_share=in_every_layer([each.share(TokenKind.CLOSING) for each in self.columns]),
            punctuation_share=in_every_layer([each.share(TokenKind.PUNCTUATION) for each in self.columns]),
            missing_share=in_every_layer([each.missing for each in self.columns]),
        )
