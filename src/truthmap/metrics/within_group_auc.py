"""AUC within one answer: what a probe knows beyond which answers tend to be right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Bools, Floats, Ints
from truthmap.metrics.auc import Placements, placements
from truthmap.metrics.auc_interval import auc_interval
from truthmap.metrics.auc_terms import Contributions, GroupTerms
from truthmap.metrics.clusters import Groups, group_numbers
from truthmap.metrics.estimate import Estimate
from truthmap.shown import ShortRepr


@dataclass(frozen=True, repr=False)
class WithinAuc(ShortRepr):
    """How often the right one of two answers that say the same is scored higher.

    Attributes:
        auc: float64 (m,), for each row of scores, over all pairs; NaN where there are none.
        mean: float64 (m,), the mean over the texts that have pairs, each counting alike: a few common answers make most
            of the pairs.
        pairs: Pairs of a right and a wrong answer with one text.
        texts: Texts that have pairs.
    """

    auc: Floats
    mean: Floats
    pairs: int
    texts: int


def within_auc_many(scores: Floats, y: Bools, text: Sequence[str]) -> WithinAuc:
    """Return the AUC over pairs of answers with the same text, for every row of scores (m, n).

    All pairs of all texts count alike, ties one half; answers without a text (an empty string) are left out. "Some
    answers are right more often" cannot raise this AUC above 0.5. It can push it below, though, where scores are out of
    fold: leaving a right answer out lowers what is known of its text. On answers that took no part in training it is
    0.5 for whoever knows the texts alone.
    """
    contests = list(_contests(scores, y, text))
    if not contests:
        nothing = np.full(len(scores), np.nan)
        return WithinAuc(nothing, nothing, 0, 0)
    wins = np.stack([contest.placed.auc for contest in contests])
    pairs = np.array([contest.pairs for contest in contests], dtype=np.float64)
    return WithinAuc((pairs @ wins) / pairs.sum(), wins.mean(axis=0), int(pairs.sum()), len(contests))


def within_auc(scores: Floats, y: Bools, text: Sequence[str], group: Groups = None) -> Estimate | None:
    """Return the AUC over pairs of a right and a wrong answer with the same text, with its interval.

    The interval takes questions for what was drawn at random, not pairs: pairs share answers.

    Args:
        scores: float (n,), higher means right.
        y: bool (n,), whether the answer is right.
        text: n texts; answers without one (an empty string) are left out.
        group: What belongs together.

    Returns:
        The estimate, n being the number of pairs, or `None` where fewer than two groups of right or of wrong answers
        have pairs: then there is nothing to tell its spread from.
    """
    found = within_auc_many(scores[None], y, text)
    if not found.pairs:
        return None
    number = group_numbers(group, len(y))
    contests = list(_contests(scores[None], y, text))
    right = _contributions([(c.placed.right, c.right, len(c.wrong)) for c in contests], found, number)
    wrong = _contributions([(c.placed.wrong, c.wrong, len(c.right)) for c in contests], found, number)
    terms = GroupTerms.of(right, wrong, int(number.max()) + 1)
    if terms.fewest[0] < 2:
        return None
    low, high = auc_interval(found.auc, terms)
    return Estimate(value=float(found.auc[0]), low=float(low[0]), high=float(high[0]), n=found.pairs)


@dataclass(frozen=True)
class _Contest:
    """The answers of one text: the rows of the right and of the wrong ones, int64, and their placement values."""

    right: Ints
    wrong: Ints
    placed: Placements

    @property
    def pairs(self) -> int:
        return len(self.right) * len(self.wrong)


def _contests(scores: Floats, y: Bools, text: Sequence[str]) -> Iterator[_Contest]:
    """Yield the texts that have a right and a wrong answer, in the order in which they first come."""
    members: dict[str, list[int]] = defaultdict(list)
    for row, said in enumerate(text):
        if said:
            members[said].append(row)
    for rows in map(np.array, members.values()):
        right, wrong = rows[y[rows]], rows[~y[rows]]
        if len(right) and len(wrong):
            yield _Contest(right, wrong, placements(scores[:, rows], y[rows]))


def _contributions(parts: Sequence[tuple[Floats, Ints, int]], found: WithinAuc, group: Ints) -> Contributions:
    """Put together what answers add: placement values (1, k) of rows (k,), each met by a number of rivals."""
    weights = np.concatenate([np.full(len(rows), float(rivals)) for _, rows, rivals in parts])
    values = np.concatenate([placed[0] for placed, _, _ in parts]) - found.auc[0]
    return Contributions(
        (weights * values / found.pairs)[None], group[np.concatenate([rows for _, rows, _ in parts])], weights
    )
