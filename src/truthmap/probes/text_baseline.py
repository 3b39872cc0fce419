"""How far the text alone gets: baselines that read all that was said and asked, never a hidden state.

Some answers are right more often than others ("France" more often than "Chad"), some questions are easier, and some
wordings are surer. A probe that only recognises the words would find that too; the map means more where it is above the
best of these baselines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from truthmap.arrays import Floats
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.probes.cross_validation import highest_auc, scores_left_out
from truthmap.probes.grid import Grid, GridScores
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.paper_protocol import ignore_convergence_warnings
from truthmap.probes.text_features import RowTexts, TextEncoder, TextFeatures, TextPart, joined
from truthmap.probes.threads import one_thread_per_cell
from truthmap.records import RowKey
from truthmap.shown import ShortRepr

_DECIMALS = 9  # of log-odds: what differs less is rounding, where the words are all the same
_MOST_STEPS = 1000

CS = (1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Values of C to choose from by out-of-fold AUC, larger than a probe's: rows of word weights have length 1."""

_WORDS = (TextPart.EXACT_ANSWER, TextPart.ANSWER, TextPart.QUESTION)


@dataclass(frozen=True, repr=False)
class TextKind(ShortRepr):
    """A text baseline: what it reads.

    Attributes:
        name: What it is called.
        parts: What it reads, jointly.
        column: Its column of the grid.
    """

    name: str
    parts: tuple[TextPart, ...]
    column: str


TEXT_KINDS = (
    TextKind("the exact answer's words", (TextPart.EXACT_ANSWER,), "exact_answer_text_auc"),
    TextKind("the whole answer's words", (TextPart.ANSWER,), "whole_answer_text_auc"),
    TextKind("the question's words", (TextPart.QUESTION,), "question_text_auc"),
    TextKind("lengths", (TextPart.LENGTHS,), "length_auc"),
    TextKind("all words of question and answer", _WORDS, "all_words_auc"),
    TextKind("all words and lengths", (*_WORDS, TextPart.LENGTHS), "all_text_auc"),
    TextKind("sentence embeddings", (TextPart.EMBEDDINGS,), "embeddings_auc"),
    TextKind("all words, lengths and embeddings", tuple(TextPart)[0:5], "text_and_embeddings_auc"),
)
"""The text baselines; those with embeddings are fitted where a model for them is given."""


@dataclass(frozen=True, repr=False)
class TextBaselines(ShortRepr):
    """Every text baseline of n rows of train + validation, and which of them is the best there.

    Attributes:
        ids: The rows' keys.
        kinds: The K baselines that were fitted.
        scores: float64 (K, n): out-of-fold log-odds of being right, from the text alone.
        cs: float64 (K,): the C of each, chosen by out-of-fold AUC.
        best: The one with the highest out-of-fold AUC over all rows, the first of equals.
    """

    ids: tuple[RowKey, ...]
    kinds: tuple[TextKind, ...]
    scores: Floats
    cs: Floats
    best: TextKind

    def of(self, kind: TextKind) -> dict[RowKey, float]:
        """Return a baseline's out-of-fold scores by row."""
        return dict(zip(self.ids, self.scores[self.kinds.index(kind)].tolist(), strict=True))


@dataclass(frozen=True, repr=False)
class TextBaselineFit(ShortRepr):
    """The text baselines as they were fitted, with what it takes to score rows that they have not seen.

    Attributes:
        baselines: Their out-of-fold scores.
        features: The words and scales that were found in the rows of train + validation.
        texts: Those rows.
        labels: Their labels.
    """

    baselines: TextBaselines
    features: TextFeatures
    texts: RowTexts
    labels: LabelledAnswers

    def score(self, unseen: RowTexts, kind: TextKind | None = None) -> dict[RowKey, float]:
        """Refit a baseline, by default the best, on train + validation with its C, and score other rows, by row."""
        kind = self.baselines.best if kind is None else kind
        seen, new = (joined(self.features.matrices(texts), kind.parts) for texts in (self.texts, unseen))
        c = float(self.baselines.cs[self.baselines.kinds.index(kind)])
        with ignore_convergence_warnings():
            model = LogisticRegression(C=c, max_iter=_MOST_STEPS).fit(seen, self.labels.y)
        said = np.round(model.decision_function(new), _DECIMALS)
        return dict(zip(unseen.ids, said.tolist(), strict=True))


def fit_text_baselines(
    texts: RowTexts,
    labels: LabelledAnswers,
    encoder: TextEncoder | None = None,
    kinds: Sequence[TextKind] = TEXT_KINDS,
) -> TextBaselineFit:
    """Fit the text baselines on the folds of the labels, whose ids must be those of the texts.

    Logistic regressions on tf-idf weights of words, pairs and pieces of words of the exact answer, the whole answer and
    the question (each part's weights have length 1), on standardised lengths and embeddings, and on all of them
    jointly, each with its own C.

    Args:
        texts: The rows of train + validation.
        labels: Their labels.
        encoder: Gives sentence embeddings, where there is one.
        kinds: Which baselines; those that need what is not there are left out.
    """
    assert texts.ids == labels.ids, "texts and labels are of different answers"
    features = TextFeatures.of(texts, encoder)
    matrices = features.matrices(texts)
    kinds = tuple(kind for kind in kinds if set(kind.parts) <= matrices.keys())
    with ignore_convergence_warnings(), one_thread_per_cell() as every:
        found = list(every(lambda kind: _out_of_fold(joined(matrices, kind.parts), labels), kinds))
    scores = np.stack([scores for scores, _ in found])
    best = kinds[highest_auc(scores, labels.y)]
    return TextBaselineFit(
        TextBaselines(labels.ids, kinds, scores, np.array([c for _, c in found]), best), features, texts, labels
    )


def with_text_baselines(grid: Grid, baselines: TextBaselines, out_of_fold: GridScores, labels: LabelledAnswers) -> Grid:
    """Add the baselines' AUCs to a grid, in each cell on the very answers that its probe was scored on.

    `text_baseline_auc` is that of the best one: one baseline for the whole map.

    Args:
        grid: The grid.
        baselines: The baselines' scores.
        out_of_fold: The probes' scores, which tell the answers of each cell.
        labels: All scored answers.
    """
    right = dict(zip(labels.ids, labels.y.tolist(), strict=True))
    row = {i: n for n, i in enumerate(baselines.ids)}
    order = [row[i] for i in out_of_fold.ids]
    scores = baselines.scores[:, order]
    y = np.array([right[i] for i in out_of_fold.ids])
    found = np.full((len(baselines.kinds), *grid.auc.shape), np.nan)
    seen: dict[bytes, Floats] = {}
    for layer, position in np.argwhere(np.isfinite(grid.auc)):
        scored = np.isfinite(out_of_fold.scores[layer, position])
        key = scored.tobytes()  # the layers of one position have the same answers
        if key not in seen:
            seen[key] = auc_values(round_scores(scores[:, scored]), y[scored])
        found[:, layer, position] = seen[key]
    columns: Mapping[str, Any] = {kind.column: found[n] for n, kind in enumerate(baselines.kinds)}
    return replace(grid, text_baseline_auc=columns[baselines.best.column], **columns)


def _out_of_fold(x: csr_matrix, labels: LabelledAnswers) -> tuple[Floats, float]:
    """Score the answers left out, at the C with the best AUC: features (n, k) → float64 (n,), and that C."""
    folds = np.unique(labels.fold)
    training = labels.fold[None] != folds[:, None]
    said = np.stack([_along_the_path(x, labels, part) for part in training], axis=1)
    held_out = torch.from_numpy(np.searchsorted(folds, labels.fold))
    member = torch.from_numpy(training.astype(np.float64))
    scores = scores_left_out(torch.from_numpy(said), member, held_out, _DECIMALS).numpy()
    best = highest_auc(scores, labels.y)
    return np.asarray(scores[best]), CS[best]


def _along_the_path(x: csr_matrix, labels: LabelledAnswers, part: Any) -> Floats:
    """Fit one training part for each C, each fit starting where the one before ended: float64 (C, n)."""
    y = labels.y[part]
    if y.all() or not y.any():
        return np.zeros((len(CS), len(labels.ids)))  # one outcome teaches nothing
    model = LogisticRegression(max_iter=_MOST_STEPS, warm_start=True)
    return np.stack([model.set_params(C=c).fit(x[part], y).decision_function(x) for c in CS])
