"""Whether the probe ranks right above wrong answers of one question, and better than the model's own probabilities.

"Inside-Out: Hidden Factual Knowledge in LLMs" (Gekhman et al., arXiv 2503.15299) defines K of a question as the share
of its (right, wrong) answer pairs that a score ranks rightly, K* as whether it ranks all of them so, and speaks of
hidden knowledge where an inner score has a higher K than outer ones. Here the answers are the different samples of each
test question, the inner score is the best cell's probe, which learned from other questions, and the outer ones are the
sum and the mean of the answer's log-probabilities. Unlike the paper's, the accepted answer does not join the samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult, not_run
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import FEWEST, ControlReading, remaining, verdict_on
from truthmap.analyses.samples.run import Samples, answers_came_ready, has_samples, read_samples
from truthmap.analyses.samples.states import sample_states
from truthmap.arrays import Bools, Floats
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import placements, round_scores
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.intervals import exact_share_of
from truthmap.metrics.token_scores import summarize_tokens
from truthmap.records import Answer, Grade, Outcome, RowKey
from truthmap.text import normalized

PROBE = "probe"
OUTER = ("log-prob, sum", "log-prob, mean")


@dataclass(frozen=True)
class RankedQuestion:
    """How the different answers to one question are ranked.

    Attributes:
        group: What the question belongs together with.
        k: By score, the share of right-wrong pairs that it ranks rightly, ties one half.
    """

    group: str
    k: Mapping[str, float]


def measure_hidden_knowledge(context: ControlContext) -> ControlResult:
    """Measure K and K* of the probe and of log-probabilities over the samples of the test questions.

    Raises:
        NotEnoughDataError: too few test questions have right and wrong samples.
        ModelError: the states of the samples are not kept, and the model cannot be loaded to read them.
        RunFolderError: the samples belong to an earlier state of the run, or the model is not the run's any more.
    """
    run = context.data.run
    if not has_samples(run):
        ready = answers_came_ready(context.data)
        why = "all answers came with their questions" if ready else "the run has no samples"
        draw = f"draw some with `truthmap sample {run.address} --k 10 --part test`"
        what = "there is nothing to sample" if ready else draw
        return not_run(f"Not run: {why}; {what}.")
    samples = read_samples(run)
    tested = dict(zip((row.question_id for row in context.tested.ids), context.tested.group, strict=True))
    asked = [i for i in tested if i in samples.answers]
    active = context.active
    with run.held(active.progress.say), active.stop.listening(active.progress.say):
        states = sample_states(run, active, samples, asked, context.cell)
    scores = {row: float(context.test.probe.score(state[None])[0]) for row, state in states.items()}
    found = [ranked for i in asked if (ranked := rank_question(samples, i, scores, tested[i])) is not None]
    return result_of(found, context.auc)


def rank_question(
    samples: Samples, question_id: str, scores: Mapping[RowKey, float], group: str
) -> RankedQuestion | None:
    """Rank the different samples of a question; `None` where they are not both right and wrong.

    Samples with the same text count once, the first of them; those that were not graded, or that the probe cannot read,
    do not count.
    """
    distinct: dict[str, tuple[Answer, Grade]] = {}
    for answer, grade in samples.graded(question_id):
        if grade.outcome is not Outcome.UNSCORED and grade.key in scores and answer.log_probs:
            distinct.setdefault(normalized(answer.text), (answer, grade))
    y: Bools = np.array([grade.outcome is Outcome.RIGHT for _, grade in distinct.values()], dtype=np.bool_)
    if y.all() or not y.any():
        return None
    tokens = [summarize_tokens(answer.log_probs) for answer, _ in distinct.values()]
    rows = np.array(
        [
            [scores[grade.key] for _, grade in distinct.values()],
            [each.total for each in tokens],
            [each.mean for each in tokens],
        ]
    )
    auc = placements(round_scores(rows), y).auc.tolist()
    return RankedQuestion(group, dict(zip((PROBE, *OUTER), auc, strict=True)))


def result_of(found: Sequence[RankedQuestion], auc: Estimate) -> ControlResult:
    """Return K and K* of the probe against log-probabilities.

    Args:
        found: The questions that have right and wrong samples.
        auc: The probe's AUC over the greedy answers of the test part.

    Raises:
        NotEnoughDataError: they are too few.
    """
    groups = [each.group for each in found]
    if len(set(groups)) < FEWEST:
        raise NotEnoughDataError(f"{len(set(groups))} test questions have right and wrong samples: draw more of them")
    k = {name: np.array([each.k[name] for each in found], dtype=np.float64) for name in (PROBE, *OUTER)}
    best = max(OUTER, key=lambda name: float(k[name].mean()))
    gap = bootstrap(lambda rows: np.array([(k[PROBE][rows] - k[best][rows]).mean()]), groups, "hidden knowledge")[0]
    readings = [remaining(f"pairs, {PROBE}", exact_share_of(k[PROBE], groups), auc, of="K")]
    readings += [ControlReading(name=f"pairs, {name}", value=exact_share_of(k[name], groups), of="K") for name in OUTER]
    readings += [
        ControlReading(name=f"all, {name}", value=_perfect(k[name], groups), of="K*") for name in (PROBE, *OUTER)
    ]
    readings.append(ControlReading(name="the gap", value=gap, of="difference"))
    hidden = (
        "it is not shown to know more than its probabilities say"
        if not gap.excludes_zero
        else "it knows more than its probabilities say"
        if gap.low > 0
        else "its probabilities rank better"
    )
    within = "" if readings[0].value.low > 0.5 else ", not shown to be above chance"
    says = (
        f"Among the different samples of one question the probe ranks the right above the wrong one in "
        f"{readings[0].value.value:.0%} of the pairs (K {readings[0].value.short}{within}), "
        f"the model's own probability ({best}) in "
        f"{k[best].mean():.0%} ({len(found):,} questions; difference {gap.short_signed}): {hidden}."
    )
    return ControlResult(verdict_on(readings[0]), says, tuple(readings))


def _perfect(k: Floats, groups: Sequence[str]) -> Estimate:
    """Return the share of questions all of whose pairs are ranked rightly, with its exact interval."""
    return exact_share_of(np.asarray(k == 1.0, dtype=bool), groups)


CONTROL = Control(
    "hidden-knowledge",
    "Inside-Out: Hidden Factual Knowledge in LLMs, arXiv 2503.15299",
    measure_hidden_knowledge,
)
