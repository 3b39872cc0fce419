"""Whether the probe sees errors about subjects that the model knows, or only that it knows nothing of a subject.

"Large Language Models Do NOT Really Know What They Don't Know" (Cheang et al., arXiv 2510.09033) sorts errors into
those that go with knowledge of the subject, whose states look like those of right answers, and those that do not, which
are easy to tell. Here the errors of the test part are parted by what the run has of the subject: the agreement of the
question's samples with its answer, and the subject's popularity (built-in city sets: inhabitants; else a file). Right
answers stand against either kind; what is left is the AUC against errors on known subjects. The control
`subject-removed` sorts them by how far the answer hangs on the subject instead, which is nearer to the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from truthmap.analyses.compare.confidences import self_consistency
from truthmap.analyses.controls.base import Control, ControlResult, not_run
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlReading,
    ControlVerdict,
    against,
    amount,
    has_enough,
    remaining,
    verdict_on,
)
from truthmap.analyses.equivalence import ByCanonical, GradedAnswer
from truthmap.analyses.labels.read import by_question, read_labels
from truthmap.analyses.samples.run import has_samples, read_samples
from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.metrics.auc import auc_rowwise
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.estimate import Estimate
from truthmap.questions.catalogue import subject_popularity

AGREEING = 0.5
"""Share of a question's samples that say what its answer says, from which the model counts as knowing the subject: the
median where that is less, as it is for popularity."""


@dataclass(frozen=True)
class Familiarity:
    """How well the model may know the subject of each question.

    Attributes:
        name: What it is judged by.
        short: The same in a word.
        of: By question.
        least: From which on a subject counts as known.
    """

    name: str
    short: str
    of: Mapping[str, float]
    least: float


def measure_recall_or_truth(context: ControlContext) -> ControlResult:
    """Measure right answers against errors on known and on unknown subjects."""
    known = list(familiarities(context))
    if not known:
        return not_run(
            "Not run: the run says nothing of its subjects; draw samples (`truthmap sample RUN --k 10 --part test`), "
            "or name a file with a column popularity (--popularity FILE)."
        )
    split = {each.name: split_errors(context, each) for each in known}
    told = [name for name, readings in split.items() if readings]
    if not told:
        raise NotEnoughDataError("fewer than ten errors are on known subjects, or fewer than ten on others")
    return told_of_errors(
        [reading for name in told for reading in split[name]], f"errors on known subjects ({told[0]})"
    )


def familiarities(context: ControlContext) -> Iterator[Familiarity]:
    """Yield what the run has of its subjects: samples, then popularity."""
    run = context.data.run
    if has_samples(run):
        agreement = _agreement(context)
        least = min(AGREEING, float(np.median(list(agreement.values()) or [AGREEING])))
        yield Familiarity("agreement of samples", "agreement", agreement, least)
    popularity = _popularity(context)
    if popularity:
        asked = {row.question_id for row in context.seen.ids}
        middle = float(np.median([value for i, value in popularity.items() if i in asked] or list(popularity.values())))
        yield Familiarity("popularity", "popularity", popularity, middle)


def split_errors(context: ControlContext, known: Familiarity) -> list[ControlReading]:
    """Return right answers against errors on known subjects, against the other errors, and familiarity by itself.

    Nothing where either kind of error is too rare, or comes in too few groups.
    """
    there = np.array([row.question_id in known.of for row in context.tested.ids], dtype=bool)
    rows, probe = context.tested.take(there), context.probe[there]
    level = np.array([known.of[row.question_id] for row in rows.ids], dtype=np.float64)
    familiar, strange = rows.y | (level >= known.least), rows.y | (level < known.least)
    against_known, against_other = rows.take(familiar), rows.take(strange)
    if not all(has_enough(kept.y, kept.group) for kept in (against_known, against_other)):
        return []
    whole = auc_estimate(probe, rows.y, rows.group)
    on_known = auc_estimate(probe[familiar], against_known.y, against_known.group)
    on_other = auc_estimate(probe[strange], against_other.y, against_other.group)
    gap = _gap(probe, rows.y, (familiar, strange), rows.group)
    return [
        remaining(f"errors, known ({known.short})", on_known, whole),
        ControlReading(name=f"other errors ({known.short})", value=on_other, probe=whole),
        ControlReading(name=f"{known.short}", value=gap, of="gap"),
        against(f"{known.short} alone", level, probe, rows.y, rows.group),
    ]


def _gap(probe: Floats, y: Bools, parts: tuple[Bools, Bools], group: tuple[str, ...]) -> Estimate:
    """Return how much higher the AUC is against errors on other subjects than against those on known ones."""
    familiar, strange = parts

    def measured(rows: Ints) -> Floats:
        return np.array([_auc(probe, y, rows[strange[rows]]) - _auc(probe, y, rows[familiar[rows]])])

    return bootstrap(measured, group, "recall or truth")[0]


def _auc(scores: Floats, y: Bools, rows: Ints) -> float:
    own = y[rows]
    return float(auc_rowwise(scores[rows][None], own[None])[0]) if own.any() and not own.all() else float("nan")


def _agreement(context: ControlContext) -> dict[str, float]:
    data, samples = context.data, read_samples(context.data.run)
    found = {}
    for row in context.tested.ids:
        if row.question_id in samples.answers:
            text = data.question_of(row).text
            drawn = [GradedAnswer(text, *each) for each in samples.graded(row.question_id)]
            own, *others = ByCanonical().classes([GradedAnswer(text, data.answer_of(row), data.grade_of(row)), *drawn])
            found[row.question_id] = self_consistency(own, others)
    return {i: value for i, value in found.items() if np.isfinite(value)}


def _popularity(context: ControlContext) -> dict[str, float]:
    """Return each subject's popularity: from the file that the settings name, else that of a built-in set.

    Raises:
        UsageError: the file is unreadable, or holds what is no number.
    """
    file = context.settings.popularity
    if file is None:
        return dict(subject_popularity(context.data.summary.questions))
    told = by_question(read_labels(file, "popularity"), context.data.questions)
    try:
        found = {i: float(value) for i, value in told.items()}
    except ValueError as error:
        raise UsageError(f"{file}, column popularity: expected numbers, but {error}") from error
    odd = next((i for i, value in found.items() if not np.isfinite(value)), None)
    if odd is not None:
        raise UsageError(f"{file}, column popularity: expected numbers, but {told[odd]!r} of {odd!r} is none")
    return found


def told_of_errors(readings: list[ControlReading], kind: str) -> ControlResult:
    """Return what readings of `split_errors` say, those that count first; `kind` names the errors of the first one."""
    first, other, gap = readings[0], readings[1], readings[2]
    assert first.left is not None and first.probe is not None
    verdict = verdict_on(first)
    if verdict is ControlVerdict.HOLDS and gap.value.low > 0:
        verdict = ControlVerdict.PART  # the paired gap knows more than the two intervals
    meanings = {
        ControlVerdict.UNCLEAR: "too few to say whether it sees the former",
        ControlVerdict.NOTHING: "it is not shown to see the former",
    }
    telling = "it tells the other errors more easily" if gap.value.low > 0 else "no clear gap between the two"
    left = f"{amount(first.share_left or 0.0)} of its {first.probe.value:.2f} is left against the former"
    says = (
        f"Against {kind} the probe reads {first.value.short}, against the other errors {other.value.value:.2f} "
        f"(gap {gap.value.short_signed}): {telling}; {meanings.get(verdict, left)}."
    )
    return ControlResult(verdict, says, tuple(readings))


CONTROL = Control(
    "recall-or-truth",
    "Large Language Models Do NOT Really Know What They Don't Know, arXiv 2510.09033",
    measure_recall_or_truth,
)
