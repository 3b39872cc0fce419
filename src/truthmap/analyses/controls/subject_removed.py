"""Whether the probe sees errors that hang on the subject, or only those that the model would give without one.

"Large Language Models Do NOT Really Know What They Don't Know" (Cheang et al., arXiv 2510.09033) sorts errors by how
far the answer depends on the subject within the model. Here the subject is taken out of the question ("In which country
is the city of?"), and out of the beginning of the answer, which likes to say it again ("The city of is located in …").
By how much the exact answer loses in log-probability then says how far it hangs on the subject. Right answers stand
against the errors that lose at least as much as half of the test answers do, and against the others; what is left is
the AUC against the former.

The subject of a question is what it does not share with the others: the words that at most half of the run's questions
have.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.recall_or_truth import Familiarity, split_errors, told_of_errors
from truthmap.answers.log_likelihood import score_tokens
from truthmap.answers.other_tokens import in_tokens_of
from truthmap.errors import NotEnoughDataError
from truthmap.execution.reopen import model_of
from truthmap.grading.token_spans import span_tokens
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer, Question, Span

SHARED = 0.5
"""The share of a run's questions beyond which a word is part of how they ask, and not of what they ask about."""
FEWEST_SHARED = 3
"""Words that a question must share with the others for its subject to be told from them."""
_NAMES = ("errors that hang on it", "errors that do not", "the two")
_PIECES = re.compile(r"\s*\S+|\s+")
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


def losses_behind(asked: Mapping[str, Bare], context: ControlContext) -> dict[str, float]:
    """Return what each test question's exact answer loses in log-probability (nats) when it is asked otherwise.

    Args:
        asked: How questions are asked, by their ids; others are left out.
        context: The run.
    """
    data = context.data
    rows = {row.question_id: row for row in context.tested.ids if row.question_id in asked}
    said = {i: data.grade_of(row).span for i, row in rows.items()}
    if not any(said.values()):
        return {}
    lm, study = model_of(data.run, context.active), context.active.study
    task = context.active.question_set.task
    kept: dict[str, tuple[tuple[int, ...], tuple[int, ...], Span, Span]] = {}
    for i, span in said.items():
        answer = data.answer_of(rows[i])
        place = None if span is None else span_tokens(answer, span)
        if span is None or place is None:
            continue
        prompt = lm.question_ids(asked[i].question, task)
        bare, there = bare_answer(lm, prompt, answer, span, asked[i].subject) or (None, None)
        if bare is not None and there is not None:
            kept[i] = (prompt, bare, place, there)
    sequences = [(prompt, ids) for prompt, ids, _, _ in kept.values()]
    with context.progress.stage("Reading without the subject", len(sequences)) as advance:
        scored = score_tokens(lm, sequences, study.resources.batch_tokens, advance)
    losses = {
        i: sum(data.answer_of(rows[i]).log_probs[own.start : own.end]) - sum(scores.log_probs[there.start : there.end])
        for (i, (_, _, own, there)), scores in zip(kept.items(), scored, strict=True)
    }
    return {i: loss for i, loss in losses.items() if np.isfinite(loss)}


def bare_answer(
    lm: LanguageModel, prompt: tuple[int, ...], answer: Answer, span: Span, subject: frozenset[str]
) -> tuple[tuple[int, ...], Span] | None:
    """Return an answer up to its exact answer, without the subject, in ids, and where its exact answer is in them.

    Answers like to say again what they were asked. `None` where the tokens do not make the text.
    """
    place = span_tokens(answer, span)
    begun = answer.text[: span.start]
    left = "".join(piece for piece in _PIECES.findall(begun) if _word(piece) not in subject)
    if left == begun and place is not None:
        return answer.answer_ids[: place.end], place
    text = left + answer.text[span.start : span.end]
    shorter = replace(answer, answer_ids=(), offsets=(), text=text, finished=False, thought=None, final=None)
    reread = in_tokens_of(lm, prompt, shorter)
    there = None if reread is None else span_tokens(reread, Span(len(left), len(text)))
    return None if reread is None or there is None else (reread.answer_ids[: there.end], there)


@dataclass(frozen=True)
class Bare:
    """A question without its subject, and the words of that."""

    question: Question
    subject: frozenset[str]


def without_subjects(questions: Sequence[Question]) -> Mapping[str, Bare]:
    """Return the questions without their subjects, by their ids; those that show none are left out.

    A question that brings its whole prompt is left out, too: its text is not what the model reads.
    """
    shared = Counter(word for question in questions for word in set(map(_word, question.text.split())))
    frame = {word for word, n in shared.items() if n > SHARED * len(questions)}
    found = {}
    for question in questions:
        words = question.text.split()
        subject = frozenset(map(_word, words)) - frame
        n_shared = sum(_word(word) in frame for word in words)
        if question.prompt is None and FEWEST_SHARED <= n_shared < len(words):
            found[question.id] = Bare(replace(question, text=" ".join(_kept(words, frame))), subject)
    return found


def _kept(words: Sequence[str], frame: set[str]) -> Iterator[str]:
    """Yield the words of the frame; what closes the question goes to the last of them, if it goes with the subject."""
    kept = [word for word in words if _word(word) in frame]
    *first, last = kept or [""]
    yield from first
    end = words[-1][len(words[-1].rstrip(_MARKS)) :]
    yield last.rstrip(_MARKS) + end


def _word(text: str) -> str:
    return text.strip().strip(_MARKS).casefold()


CONTROL = Control(
    "subject-removed",
    "Large Language Models Do NOT Really Know What They Don't Know, arXiv 2510.09033",
    measure_subject_removed,
)
