"""Whether the probe sees errors that hang on the subject, or only those that the model would give without one.

"Large Language Models Do NOT Really Know What They Don't Know" (Cheang et al., arXiv 2510.09033) sorts errors by how
far the answer depends on the subject within the model. Here the subject is taken out of the question ("In which country
is the city of?"), and the same answer is read behind what is left: by how much its exact answer loses in
log-probability says how far it hangs on the subject. Right answers stand against the errors that lose at least as much
as half of the test answers do, and against the others; what is left is the AUC against the former.

The subject of a question is what it does not share with the others: the words that at most half of the run's questions
have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.recall_or_truth import Familiarity, split_errors, told_of_errors
from truthmap.answers.log_likelihood import score_tokens
from truthmap.errors import NotEnoughDataError
from truthmap.execution.reopen import model_of
from truthmap.grading.token_spans import span_tokens
from truthmap.records import Question, RowKey, Span

SHARED = 0.5
"""The share of a run's questions beyond which a word is part of how they ask, and not of what they ask about."""
FEWEST_SHARED = 3
"""Words that a question must share with the others for its subject to be told from them."""
_NAMES = ("errors that hang on it", "errors that do not", "the two")
_MARKS = ".,;:!?¿¡。？！"


def measure_subject_removed(context: ControlContext) -> ControlResult:
    """Measure right answers against errors that hang on the subject, and against the others.

    Raises:
        NotEnoughDataError: the questions do not show what their subject is, or errors of either kind are too rare.
        ModelError, RunFolderError: the run's model cannot be loaded any more.
    """
    losses = losses_behind(without_subjects(context.data.questions), context)
    if not losses:
        raise NotEnoughDataError(
            "the questions share too few words to tell what they ask about, or no answer has an exact answer"
        )
    hang = Familiarity("the subject in the question", "loss", losses, float(np.median(list(losses.values()))))
    readings = split_errors(context, hang)[: len(_NAMES)]  # that the loss itself tells something is no part of this
    if not readings:
        raise NotEnoughDataError("fewer than ten errors hang on the subject, or fewer than ten do not")
    middle = (("log-probability lost without the subject, median (nats)", f"{hang.least:.2f}"),)
    named = [reading.model_copy(update={"name": name}) for reading, name in zip(readings, _NAMES, strict=True)]
    return replace(told_of_errors(named, "errors that hang on the subject"), facts=middle)


def losses_behind(asked: Mapping[str, Question], context: ControlContext) -> dict[str, float]:
    """Return what each test question's exact answer loses in log-probability (nats) when it is asked otherwise.

    Args:
        asked: How questions are asked, by their ids; others are left out.
        context: The run.
    """
    data = context.data
    rows = {row.question_id: row for row in context.tested.ids if row.question_id in asked}
    places = {i: place for i, row in rows.items() if (place := _exact(context, row)) is not None}
    if not places:
        return {}
    lm, study = model_of(data.run, context.active), context.active.study
    task = context.active.question_set.task
    answers = {i: data.answer_of(rows[i]) for i in places}
    said = {i: answers[i].answer_ids[: span.end] for i, span in places.items()}
    sequences = [(lm.question_ids(asked[i], task), ids) for i, ids in said.items()]
    with context.progress.stage("Reading without the subject", len(sequences)) as advance:
        scored = score_tokens(lm, sequences, study.resources.batch_tokens, advance)
    return {
        i: sum(answers[i].log_probs[span.start : span.end]) - sum(scores.log_probs[span.start : span.end])
        for (i, span), scores in zip(places.items(), scored, strict=True)
    }


def _exact(context: ControlContext, row: RowKey) -> Span | None:
    span = context.data.grade_of(row).span
    return None if span is None else span_tokens(context.data.answer_of(row), span)


def without_subjects(questions: Sequence[Question]) -> Mapping[str, Question]:
    """Return the questions without their subjects, by their ids; those that show none are left out.

    A question that brings its whole prompt is left out, too: its text is not what the model reads.
    """
    shared = Counter(word for question in questions for word in set(map(_word, question.text.split())))
    frame = {word for word, n in shared.items() if n > SHARED * len(questions)}
    found = {}
    for question in questions:
        kept = list(_kept(question.text.split(), frame))
        n_shared = sum(_word(word) in frame for word in question.text.split())
        if question.prompt is None and FEWEST_SHARED <= n_shared < len(question.text.split()):
            found[question.id] = replace(question, text=" ".join(kept))
    return found


def _kept(words: Sequence[str], frame: set[str]) -> Iterator[str]:
    """Yield the words of the frame; what closes the question goes to the last of them, if it goes with the subject."""
    kept = [word for word in words if _word(word) in frame]
    *first, last = kept or [""]
    yield from first
    end = words[-1][len(words[-1].rstrip(_MARKS)) :]
    yield last.rstrip(_MARKS) + end


def _word(text: str) -> str:
    return text.strip(_MARKS).casefold()


CONTROL = Control(
    "subject-removed",
    "Large Language Models Do NOT Really Know What They Don't Know, arXiv 2510.09033",
    measure_subject_removed,
)
