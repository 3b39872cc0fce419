"""How far the text alone gets: baselines that read words and lengths, never a hidden state.

Some answers are right more often than others ("France" more often than "Chad"), and some questions are easier. A probe
that only recognises the words would find that too; the map means more where it is above these baselines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from truthmap.arrays import Floats
from truthmap.metrics.auc import auc_many, round_scores
from truthmap.probes.cross_validation import highest_auc, scores_left_out
from truthmap.probes.grid import Grid, GridScores
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.threads import one_thread_per_cell
from truthmap.records import Answer, Grade, Question, RowKey
from truthmap.text import normalized

_COLUMNS = ("answer_text_auc", "question_text_auc", "length_auc")
_DECIMALS = 9  # of log-odds: what differs less is rounding, where the words are all the same
_NOTHING = "(none)"  # an answer without an exact answer is a case of its own

CS = (1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Values of C to choose from by out-of-fold AUC, larger than a probe's: rows of word weights have length 1."""


@dataclass(frozen=True)
class TextFeatures:
    """The text of n rows, in the order of the ids.

    Attributes:
        ids: The rows' keys.
        answer: The exact answer's text, empty where none was found.
        question: The question's text, context included.
        lengths: float64 (n, k): counts of tokens and characters.
    """

    ids: tuple[RowKey, ...]
    answer: tuple[str, ...]
    question: tuple[str, ...]
    lengths: Floats


@dataclass(frozen=True)
class TextBaselineScores:
    """Out-of-fold log-odds of being right, from words alone: float64 (n,) each, in the order of the ids."""

    ids: tuple[RowKey, ...]
    answer: Floats
    question: Floats
    length: Floats


def text_features_of(
    labels: LabelledAnswers, questions: Sequence[Question], answers: Mapping[RowKey, Answer], grades: Sequence[Grade]
) -> TextFeatures:
    """Join the words of the labelled rows: exact answer, question with its context, and five lengths.

    The lengths are those of the answer in tokens and in characters, of the exact answer, of the text before it, and of
    the question in characters. Answers go by their own keys.
    """
    question = {q.id: " ".join(filter(None, (q.context, q.text))) for q in questions}
    grade = {g.key: g for g in grades}
    lengths = [
        (
            len(answers[i.answer].answer_ids),
            len(answers[i.answer].text),
            len(grade[i].exact_answer),
            span.start if (span := grade[i].span) else len(answers[i.answer].text),
            len(question[i.question_id]),
        )
        for i in labels.ids
    ]
    return TextFeatures(
        labels.ids,
        tuple(grade[i].exact_answer for i in labels.ids),
        tuple(question[i.question_id] for i in labels.ids),
        np.array(lengths, dtype=np.float64).reshape(len(labels.ids), 5),
    )


def with_text_baseline(
    grid: Grid, baseline: TextBaselineScores, out_of_fold: GridScores, labels: LabelledAnswers
) -> Grid:
    """Add the baselines' AUCs to a grid, in each cell on the very answers that its probe was scored on.

    Args:
        grid: The grid.
        baseline: The baselines' scores.
        out_of_fold: The probes' scores, which tell the answers of each cell.
        labels: All scored answers.
    """
    right = dict(zip(labels.ids, labels.y.tolist(), strict=True))
    row = {i: n for n, i in enumerate(baseline.ids)}
    order = [row[i] for i in out_of_fold.ids]
    scores = np.stack([baseline.answer, baseline.question, baseline.length])[:, order]
    y = np.array([right[i] for i in out_of_fold.ids])
    found = np.full((len(_COLUMNS), *grid.auc.shape), np.nan)
    seen: dict[bytes, Floats] = {}
    for layer, position in np.argwhere(np.isfinite(grid.auc)):
        scored = np.isfinite(out_of_fold.scores[layer, position])
        key = scored.tobytes()  # the layers of one position have the same answers
        if key not in seen:
            seen[key] = auc_many(round_scores(scores[:, scored]), y[scored]).auc
        found[:, layer, position] = seen[key]
    return replace(grid, text_baseline_auc=found.max(axis=0), **dict(zip(_COLUMNS, found, strict=True)))


def fit_text_baseline(text: TextFeatures, labels: LabelledAnswers) -> TextBaselineScores:
    """Fit the three baselines on the folds of the labels, whose ids must be those of the text.

    Logistic regressions on word and character counts (tf-idf), or on standardised lengths, each with its own C.
    """
    assert text.ids == labels.ids, "text and labels are of different answers"
    with one_thread_per_cell() as every:
        features = [_text_features(text.answer), _text_features(text.question), _standardised(text.lengths)]
        found = every(lambda x: _out_of_fold(x, labels), features)
    return TextBaselineScores(labels.ids, *found)


def _text_features(texts: Sequence[str]) -> Any:
    """Return tf-idf weights of words, word pairs and pieces of words, as a sparse matrix (n, k); no label is used."""
    shown = [normalized(text) or _NOTHING for text in texts]
    words = TfidfVectorizer(ngram_range=(1, 2), tokenizer=str.split, token_pattern=None)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    return FeatureUnion([("words", words), ("pieces", pieces)]).fit_transform(shown)


def _standardised(values: Floats) -> Floats:
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _out_of_fold(x: Any, labels: LabelledAnswers) -> Floats:
    """Score the answers left out, at the C with the best AUC: features (n, k) → float64 (n,)."""
    folds = np.unique(labels.fold)
    training = labels.fold[None] != folds[:, None]
    models = (LogisticRegression(C=c, max_iter=1000).fit(x[part], labels.y[part]) for c in CS for part in training)
    said = np.stack([model.decision_function(x) for model in models]).reshape(len(CS), len(folds), -1)
    held_out = torch.from_numpy(np.searchsorted(folds, labels.fold))
    member = torch.from_numpy(training.astype(np.float64))
    scores = scores_left_out(torch.from_numpy(said), member, held_out, _DECIMALS).numpy()
    return np.asarray(scores[highest_auc(scores, labels.y)])
