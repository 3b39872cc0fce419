"""Confidences from the samples of a run: how many of them say what the answer says, and how widely they spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truthmap.analyses.compare.agreement import self_consistency, semantic_entropy, weighted_semantic_entropy
from truthmap.analyses.compare.measure import Confidence, Family
from truthmap.analyses.equivalence import Equivalence, Saying
from truthmap.analyses.samples.run import Samples
from truthmap.errors import RunFolderError
from truthmap.execution.active_run import Work
from truthmap.metrics.token_scores import mean_log_prob
from truthmap.runs.data import RunData


def sample_confidences(
    work: Work, data: RunData, samples: Samples, ids: Sequence[str], equivalence: Equivalence
) -> list[Confidence]:
    """Return self-consistency and semantic entropy (by frequency, and by probability) of answers to questions `ids`.

    Samples that are empty or without an exact answer take part as what they are: one more thing that was said.

    Raises:
        RunFolderError: a question has no samples.
    """
    unsampled = [i for i in ids if i not in samples.answers]
    if unsampled:
        raise RunFolderError(
            f"{len(unsampled)} test questions of {data.run.path} have no samples, e.g. {unsampled[0]}; "
            f"draw them with `truthmap sample {data.run.path} --k {samples.settings.k}`"
        )
    asked, task = work.questions_by_id, work.question_set.task
    agree, spread, weighted = {}, {}, {}
    with work.progress.stage("Comparing samples", len(ids)) as advance:
        for done, i in enumerate(ids, start=1):
            text = task.chat(asked[i])
            drawn = [
                Saying(text, answer, grade) for answer, grade in zip(samples.answers[i], samples.grades[i], strict=True)
            ]
            own, *others = equivalence.classes([Saying(text, data.answers_by_id[i], data.grades_by_id[i]), *drawn])
            agree[i] = self_consistency(own, others)
            spread[i] = -semantic_entropy(others)
            weighted[i] = -weighted_semantic_entropy(others, [mean_log_prob(saying.answer) for saying in drawn])
            advance(done)
    passes = float(np.mean([sum(len(answer.answer_ids) for answer in samples.answers[i]) for i in ids]))
    return [
        Confidence("self-consistency", Family.SAMPLES, agree, passes),
        Confidence("semantic entropy", Family.SAMPLES, spread, passes),
        Confidence("semantic entropy, weighted", Family.SAMPLES, weighted, passes),
    ]
