"""The thoughts of a run up to a place: their words as a baseline, and the answers that they have named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from truthmap.analyses.thought.measure import SaidSoFar, thought_so_far, token_of_thought
from truthmap.grading.grade import grade_many
from truthmap.grading.kinds import needs_grader, needs_judge, needs_locator
from truthmap.grading.token_spans import locate_ranges
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.positions import MISSING, Position
from truthmap.probes.grid import GridScores
from truthmap.probes.rivals import Contest
from truthmap.probes.test_part import TestScore
from truthmap.probes.text_baseline import TEXT_KINDS, fit_text_baselines
from truthmap.probes.text_features import RowTexts
from truthmap.questions.tasks import Task
from truthmap.records import Answer, Grade, Outcome, RowKey
from truthmap.runs.data import RunData
from truthmap.text import normalized

_KIND = next(kind for kind in TEXT_KINDS if kind.column == "all_text_auc")
_BOTH = 2


@dataclass(frozen=True)
class SoFar:
    """The thoughts of a run's scored rows up to one place.

    Attributes:
        position: The place.
        answers: The thought so far as an answer of its own, of each row that still thinks there.
    """

    position: Position
    answers: Mapping[RowKey, Answer]

    @classmethod
    def of(cls, data: RunData, position: Position) -> SoFar:
        """Cut the thoughts of a run's scored rows at a place.

        At a share of a thought it is known where the thought ends; at a token that is counted from its start it is not.
        """
        known = token_of_thought(position) is None
        found: dict[RowKey, Answer] = {}
        for row in data.labels.ids:
            answer = data.answer_of(row)
            (start, end), *_ = locate_ranges(answer, data.grade_of(row).span, (position,)).tolist()
            if start != MISSING:
                found[row] = thought_so_far(answer, end, may_be_over=known)
        return cls(position, found)

    @property
    def tokens(self) -> float:
        """Median tokens of the thoughts so far; 0 where nobody thinks."""
        return float(np.median([len(a.answer_ids) for a in self.answers.values()])) if self.answers else 0.0


def text_rival(data: RunData, so_far: SoFar, test: TestScore, out_of_fold: GridScores) -> Rival | None:
    """Return the baseline that reads the question and the thought so far, against a probe of the same place.

    It is fitted on train + validation as the run's own text baselines are, on tf-idf weights of words and on lengths.

    Returns:
        `None` where too few right or wrong answers still think there.
    """
    labels = data.labels.take(np.array([row in so_far.answers for row in data.labels.ids], dtype=bool))
    seen, unseen = labels.of(test=False), labels.of(test=True)
    folds = [seen.y[seen.fold == fold] for fold in np.unique(seen.fold)]
    if len(folds) < _BOTH or any(y.all() or not y.any() for y in folds) or not unseen.ids:
        return None
    texts = _texts(data, so_far, labels.ids)
    fit = fit_text_baselines(texts.take(seen.ids), seen, kinds=(_KIND,))
    contest = Contest(data.labels, test, tuple(out_of_fold.at(test.cell)))
    return contest.rival("question and thought so far", fit.baselines.of(_KIND), fit.score(texts.take(unseen.ids)))


def said_so_far(data: RunData, so_far: SoFar, test: TestScore, task: Task) -> SaidSoFar | None:
    """Grade what thoughts have named so far by the run's own rule.

    Returns:
        `None` where the rule asks a model or a program, or takes outcomes that came with the questions, or where it can
        grade no thought.
    """
    if needs_judge(task) or needs_grader(task) or needs_locator(task):
        return None
    rows = [row for row in so_far.answers if data.question_of(row).outcome is None]
    if not rows:
        return None
    graded = grade_many([(data.question_of(row), so_far.answers[row]) for row in rows], task)
    named = {row: grade for row, grade in zip(rows, graded, strict=True) if grade.span is not None}
    scored = [grade for grade in named.values() if grade.outcome is not Outcome.UNSCORED]
    kept = [_meaning(grade) == _meaning(data.grade_of(row)) for row, grade in named.items()]
    return SaidSoFar(
        named=len(named) / len(rows),
        right=float(np.mean([grade.outcome is Outcome.RIGHT for grade in scored])) if scored else None,
        kept=float(np.mean(kept)) if kept else None,
        unnamed=_unnamed(test, set(rows) - set(named)),
    )


def _unnamed(test: TestScore, rows: set[RowKey]) -> Estimate | None:
    """Return the probe's AUC among the test rows whose thoughts have named nothing yet."""
    kept = np.array([row in rows for row in test.labels.ids], dtype=bool)
    labels = test.labels.take(kept)
    if labels.y.all() or not labels.y.any():
        return None
    return auc_estimate(np.array([test.scores[row] for row in labels.ids]), labels.y, labels.group)


def _meaning(grade: Grade) -> str:
    return normalized(grade.canonical or grade.exact_answer)


def _texts(data: RunData, so_far: SoFar, ids: tuple[RowKey, ...]) -> RowTexts:
    questions = {row: data.question_of(row) for row in ids}
    asked = {row: " ".join(filter(None, (q.context, q.text))) for row, q in questions.items()}
    said = {row: so_far.answers[row] for row in ids}
    lengths = [(len(said[row].answer_ids), len(said[row].text), len(asked[row])) for row in ids]
    return RowTexts(
        ids,
        ("",) * len(ids),
        tuple(said[row].text for row in ids),
        tuple(asked[row] for row in ids),
        np.array(lengths, dtype=np.float64).reshape(len(ids), 3),
    )
