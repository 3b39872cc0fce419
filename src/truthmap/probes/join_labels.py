"""What the probes are to predict: right or wrong, for every scored answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from truthmap.arrays import Bools, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.text_baseline import TextFeatures
from truthmap.questions.splits import group_of
from truthmap.records import Answer, Grade, Outcome, Question, Split, SplitAssignment

FEWEST = 2
"""Answers of each outcome that every fold and the test part need: with fewer, an AUC there means nothing."""


def label_answers(
    questions: Sequence[Question], grades: Sequence[Grade], splits: Sequence[SplitAssignment]
) -> LabelledAnswers:
    """Join grades, splits and groups by question id; unscored answers are left out.

    Folds in which too few answers of an outcome are left are joined to others.
    """
    split = {s.question_id: s for s in splits}
    group = {q.id: ":".join(group_of(q)) for q in questions}
    scored = [g for g in grades if g.outcome is not Outcome.UNSCORED]
    y = np.array([g.outcome is Outcome.RIGHT for g in scored], dtype=bool)
    return LabelledAnswers(
        ids=tuple(g.question_id for g in scored),
        y=y,
        part=tuple(split[g.question_id].part for g in scored),
        fold=_joined_folds(np.array([split[g.question_id].fold for g in scored], dtype=np.int64), y),
        group=tuple(group[g.question_id] for g in scored),
        canonical=tuple(g.canonical for g in scored),
    )


def _joined_folds(fold: Ints, y: Bools) -> Ints:
    """Join each fold that has fewer than `FEWEST` answers of an outcome to the next poorest, while two are left."""
    joined: Ints = fold.copy()
    while True:
        fewest = {n: int(min(y[joined == n].sum(), (~y[joined == n]).sum())) for n in np.unique(joined[joined >= 0])}
        poorest = sorted(fewest, key=lambda n: (fewest[n], n))
        if len(poorest) <= 2 or fewest[poorest[0]] >= FEWEST:
            return joined
        joined[joined == poorest[0]] = poorest[1]


def require_enough(labels: LabelledAnswers, grades: Sequence[Grade]) -> None:
    """Refuse answers that no honest map can be drawn from.

    Raises:
        NotEnoughDataError: one outcome only, or too few of one in a fold or in the test part; the message
            says how many.
    """
    right, wrong = int(labels.y.sum()), int((~labels.y).sum())
    counts = f"{right} right, {wrong} wrong, {len(grades) - right - wrong} unscored"
    if not right or not wrong:
        only = (
            "no answer could be scored"
            if not right and not wrong
            else f"all scored answers are {'right' if right else 'wrong'}"
        )
        raise NotEnoughDataError(
            f"{only} ({counts}): a map needs both right and wrong answers; choose harder or easier questions, "
            "or look at the answers and grades in the run folder"
        )
    parts = np.array([str(part) for part in labels.part])
    places = {f"fold {fold}": labels.fold == fold for fold in sorted(set(labels.fold[labels.fold >= 0].tolist()))}
    for name, members in {**places, "the test part": parts == str(Split.TEST)}.items():
        in_right, in_wrong = int(labels.y[members].sum()), int((~labels.y[members]).sum())
        if min(in_right, in_wrong) < FEWEST:
            raise NotEnoughDataError(
                f"too few answers for the splits ({counts}): {name} has {in_right} right and {in_wrong} wrong, "
                f"at least {FEWEST} of each are needed; ask more questions (a larger --limit)"
            )


def text_features_of(
    labels: LabelledAnswers, questions: Sequence[Question], answers: Mapping[str, Answer], grades: Sequence[Grade]
) -> TextFeatures:
    """Join the words of the labelled answers: exact answer, question with its context, and five lengths.

    The lengths are those of the answer in tokens and in characters, of the exact answer, of the text before it, and of
    the question in characters.
    """
    question = {q.id: " ".join(filter(None, (q.context, q.text))) for q in questions}
    grade = {g.question_id: g for g in grades}
    lengths = [
        (
            len(answers[i].answer_ids),
            len(answers[i].text),
            len(grade[i].exact_answer),
            span.start if (span := grade[i].span) else len(answers[i].text),
            len(question[i]),
        )
        for i in labels.ids
    ]
    return TextFeatures(
        labels.ids,
        tuple(grade[i].exact_answer for i in labels.ids),
        tuple(question[i] for i in labels.ids),
        np.array(lengths, dtype=np.float64).reshape(len(labels.ids), 5),
    )
