"""Whether grades and exact answers can be trusted: what is found where, and what the place alone gives away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from scipy.stats import fisher_exact
from sklearn.model_selection import StratifiedKFold

from truthmap.answer_parts import final_answer, in_final
from truthmap.arrays import Bools, Ints
from truthmap.grading.audit_record import Audit, Located
from truthmap.grading.grade import agrees_with_accepted
from truthmap.grading.token_spans import span_tokens
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.probes.cross_validation import out_of_fold
from truthmap.questions.groups import group_questions
from truthmap.records import Answer, Grade, Outcome, Question

FEWEST = 10
"""Answers of each outcome that the AUC of the place needs."""
TELLING_AUC = 0.6
"""The place is said to give the outcome away when its AUC lies above this beyond doubt (the interval's lower end)."""
TELLING_GAP = 0.1
"""Found-rates are said to differ when they do by more than this, and by more than chance (Fisher's exact test, 1 %)."""
_FOLDS = 5
_C = 1.0  # a handful of features needs next to no regularisation

Judged = tuple[Question, Answer, Grade]


def audit_grades(judged: Sequence[Judged]) -> Audit:
    """Audit grades, each with its question and answer."""
    of = {outcome: [item for item in judged if item[2].outcome is outcome] for outcome in Outcome}
    right, wrong = _located(of[Outcome.RIGHT]), _located(of[Outcome.WRONG])
    place = _place_auc([*of[Outcome.RIGHT], *of[Outcome.WRONG]])
    compared = [(q, g) for q, _, g in of[Outcome.RIGHT] if g.span is not None and q.accepted]
    return Audit(
        right=right,
        wrong=wrong,
        refusals=sum(grade.refusal for _, _, grade in judged),
        unscored=dict(Counter(grade.why for _, _, grade in of[Outcome.UNSCORED]).most_common()),
        place=place,
        agreeing=sum(agrees_with_accepted(question, grade) for question, grade in compared),
        compared=len(compared),
        warnings=tuple(_warnings(right, wrong, place)),
    )


def _located(judged: Sequence[Judged]) -> Located:
    places = np.array([_place(answer, grade) for _, answer, grade in judged], dtype=np.float64).reshape(-1, 3)
    found = places[places[:, 0] > 0]
    lengths = [len(final_answer(answer).answer_ids) for _, answer, _ in judged]
    return Located(
        n=len(judged),
        found=len(found),
        start=float(found[:, 1].mean()) if len(found) else None,
        length=float(found[:, 2].mean()) if len(found) else None,
        answer_length=float(np.mean(lengths)) if lengths else None,
    )


def _place(answer: Answer, grade: Grade) -> tuple[int, int, int]:
    """Return whether there is an exact answer, the index of its first token and how many tokens it has."""
    span = in_final(answer, grade.span)
    tokens = None if span is None else span_tokens(final_answer(answer), span)
    return (0, 0, 0) if tokens is None else (1, tokens.start, tokens.end - tokens.start)


def _place_auc(scored: Sequence[Judged]) -> Estimate | None:
    y = np.array([grade.outcome is Outcome.RIGHT for _, _, grade in scored], dtype=bool)
    if min(y.sum(), (~y).sum()) < FEWEST:
        return None
    places = np.array([_place(answer, grade) for _, answer, grade in scored], dtype=np.float64)
    features = np.column_stack([places[:, 0], np.log1p(places[:, 1]), np.log1p(places[:, 2]), places[:, 1] == 0])
    of = group_questions({question.id: question for question, _, _ in scored}.values()).of
    groups = [of[question.id] for question, _, _ in scored]
    return auc_estimate(out_of_fold(torch.from_numpy(features), y, _stratified_folds(y), _C), y, groups)


def _stratified_folds(y: Bools) -> Ints:
    """Deal answers out so that each fold has its share of right ones: int64 (n,)."""
    fold = np.empty(len(y), dtype=np.int64)
    for number, (_, held_out) in enumerate(StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(y, y)):
        fold[held_out] = number
    return fold


def _warnings(right: Located, wrong: Located, place: Estimate | None) -> Iterable[str]:
    if place is not None and place.low > TELLING_AUC:
        yield (
            f"where the exact answer stands and how long it is tells right from wrong (AUC {place.short}): "
            "part of what the exact-answer columns show may be that"
        )
    if right.n and wrong.n and abs(right.rate - wrong.rate) > TELLING_GAP:
        table = [[right.found, right.n - right.found], [wrong.found, wrong.n - wrong.found]]
        if float(fisher_exact(table)[1]) < 0.01:
            yield (
                f"an exact answer is found in {right.rate:.0%} of the right and {wrong.rate:.0%} of the wrong answers: "
                "the exact-answer columns speak of those in which one is found"
            )
