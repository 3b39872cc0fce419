"""From an answer and its hidden states to a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from truthmap.arrays import Floats, Floats32
from truthmap.detector.artifact import Artifact
from truthmap.detector.config import AskingConfig, Role
from truthmap.detector.heads import Head
from truthmap.detector.streaming import StateSpec
from truthmap.detector.verdict import Neighbours, PromptForecast, TokenScore, Trust, Verdict
from truthmap.errors import UsageError
from truthmap.grading.grade import grade as grade_answer
from truthmap.grading.text_model import NO_GRADERS, Graders
from truthmap.grading.token_spans import locate_positions
from truthmap.positions import MISSING, Group, Position
from truthmap.records import Answer, Grade, Outcome, Question

_NEIGHBOURS = 10
_SHOWN = 3


@dataclass(frozen=True)
class AnswerStates:
    """An answer with the hidden states of its tokens.

    Attributes:
        question: What was asked.
        answer: What the model said, or is taken to have said.
        states: float32 (1 + answer tokens, layers, d), the last prompt token first.
    """

    question: Question
    answer: Answer
    states: Floats32


def state_spec(artifact: Artifact) -> StateSpec:
    """Return which hidden states of every token this detector needs."""
    layers = sorted({layer for head in artifact.heads.values() for layer in head.layers})
    return StateSpec(artifact.config.site, tuple(layers))


def locate_exact_answer(question: Question, answer: Answer, asking: AskingConfig, graders: Graders) -> Grade:
    """Find the exact answer by the run's rule; whether the answer is right plays no part.

    Where the task's rule needs something that a new question does not have, there is no exact answer.
    """
    try:
        return grade_answer(question, answer, asking.task, graders)
    except UsageError as error:
        return Grade(question.id, Outcome.UNSCORED, str(asking.task.grading), None, "", "", str(error))


def score_answer(artifact: Artifact, inputs: AnswerStates, graders: Graders = NO_GRADERS) -> Verdict:
    """Return the verdict on an answer.

    Args:
        artifact: The detector.
        inputs: The answer with its states.
        graders: Holds the model that finds the exact answer, where the task asks for one.
    """
    grade = locate_exact_answer(inputs.question, inputs.answer, artifact.config.asking, graders)
    positions = tuple(dict.fromkeys(cell.position for head in artifact.heads.values() for cell in head.config.cells))
    places = locate_positions(inputs.answer, grade.span, positions)
    last_q = len(inputs.answer.prompt_ids) - 1
    column = {p: int(place) - last_q for p, place in zip(positions, places, strict=True) if place != MISSING}
    head = _head_for(artifact.heads, column)
    if head is None:
        return _unanswered(inputs)
    layers = state_spec(artifact).layers
    cells = head.config.cells
    state = np.stack([inputs.states[column[cell.position], layers.index(cell.layer)] for cell in cells])
    reading = _read(head, state)
    trust = Trust.NO_EXACT_ANSWER if _lacks_exact_answer(artifact, grade) else _trust(head, reading.score)
    has_forecast = Role.BEFORE in artifact.heads
    forecast = forecast_prompt(artifact, inputs.question, inputs.states[0]) if has_forecast else None
    return Verdict(
        question=inputs.question.text,
        answer=inputs.answer,
        exact_answer=grade.span,
        trust=trust,
        p_wrong=reading.p_wrong,
        p_wrong_before=None if forecast is None else forecast.p_wrong,
        score=reading.score,
        role=head.config.role,
        distance=reading.distance,
        out_of_distribution=reading.out_of_distribution,
        question_out_of_distribution=forecast is not None and forecast.out_of_distribution,
        neighbours=_neighbours(artifact, head, state),
        tokens=token_scores(artifact, inputs.answer, inputs.states[1:]),
        explanation=_explain(head, trust, reading.p_wrong, grade),
    )


def forecast_prompt(artifact: Artifact, question: Question, states: Floats32) -> PromptForecast:
    """Return what is to be expected before an answer token is generated.

    Args:
        artifact: The detector.
        question: What is asked.
        states: float32 (layers, d) of the last prompt token.

    Raises:
        UsageError: the detector has no head that reads the prompt alone.
    """
    head = artifact.heads.get(Role.BEFORE)
    if head is None:
        raise UsageError(
            "expected a detector with a head that reads the prompt alone, but this one has none; seal one anew with "
            "`truthmap detector RUN`"
        )
    layers = state_spec(artifact).layers
    reading = _read(head, np.stack([states[layers.index(cell.layer)] for cell in head.config.cells]))
    return PromptForecast(
        question=question.text,
        p_wrong=reading.p_wrong,
        score=reading.score,
        distance=reading.distance,
        out_of_distribution=reading.out_of_distribution,
        trust=_trust(head, reading.score),
        explanation=f"of 100 questions like this, about {round(100 * reading.p_wrong)} are answered wrongly",
    )


def token_scores(artifact: Artifact, answer: Answer, states: Floats32) -> tuple[TokenScore, ...]:
    """Score every answer token as if it stood at the sealed position: states float32 (tokens, layers, d)."""
    read = token_p_wrong(artifact, states)
    return tuple(
        TokenScore(token, start, end, float(p))
        for token, (start, end), p in zip(answer.answer_ids, answer.offsets, read, strict=True)
    )


def token_p_wrong(artifact: Artifact, states: Floats32) -> Floats:
    """Return P(wrong) as the answer head reads it at each token: float32 (tokens, layers, d) → float64 (tokens,)."""
    head = artifact.heads[Role.ANSWER]
    layers = state_spec(artifact).layers
    return head.p_wrong(head.score(states[:, [layers.index(layer) for layer in head.layers]]))


@dataclass(frozen=True)
class _Reading:
    """What a head reads in one state: fields as in `Verdict`."""

    score: float
    p_wrong: float
    distance: float
    out_of_distribution: bool


def _read(head: Head, state: Floats32) -> _Reading:
    """Read one state: float32 (K, d)."""
    score = head.score(state[None])
    distance = float(head.distance(state[None])[0])
    return _Reading(
        score=float(score[0]),
        p_wrong=float(head.p_wrong(score)[0]),
        distance=distance,
        out_of_distribution=distance > head.config.ood.threshold,
    )


def _lacks_exact_answer(artifact: Artifact, grade: Grade) -> bool:
    """Tell whether an answer lacks an exact answer where the training answers had one."""
    if grade.span is not None:
        return False
    reads_it = any(cell.position.group is Group.EXACT for cell in artifact.heads[Role.ANSWER].config.cells)
    return reads_it or grade.refusal or artifact.config.training.found_right == 1


def _head_for(heads: Mapping[Role, Head], column: Mapping[Position, int]) -> Head | None:
    """Return the first head whose positions the answer has."""
    ordered = [heads[role] for role in (Role.ANSWER, Role.FALLBACK, Role.BEFORE) if role in heads]
    return next((head for head in ordered if all(cell.position in column for cell in head.config.cells)), None)


def _trust(head: Head, score: float) -> Trust:
    threshold = head.config.guarantees[0].threshold
    return Trust.TRUST if threshold is not None and score >= threshold else Trust.DONT_TRUST


def _explain(head: Head, trust: Trust, p_wrong: float, grade: Grade) -> str:
    if trust is Trust.NO_EXACT_ANSWER:
        why = "the answer declines to answer" if grade.refusal else "no exact answer was found in it"
        where = ", ".join(str(cell.position) for cell in head.config.cells)
        return f"{why}, and from such answers nothing was learned (read at {where} instead, P(wrong) is {p_wrong:.2f})"
    guarantee = head.config.guarantees[0]
    frequency = f"of 100 answers scored like this, about {round(100 * p_wrong)} are wrong"
    side = "accepted" if trust is Trust.TRUST else "the detector abstains"
    if guarantee.holds:
        return f"{frequency}; {side} under a guarantee: {guarantee.claim}"
    return f"{frequency}; {side} without a guarantee: {guarantee.why}"


def _neighbours(artifact: Artifact, head: Head, state: Floats32) -> Neighbours | None:
    if not artifact.records:
        return None
    near = [artifact.records[row] for row in head.nearest(state, _NEIGHBOURS)]
    return Neighbours(len(near), sum(record.right for record in near), tuple(near[:_SHOWN]))


def _unanswered(inputs: AnswerStates) -> Verdict:
    return Verdict(
        question=inputs.question.text,
        answer=inputs.answer,
        exact_answer=None,
        trust=Trust.NO_EXACT_ANSWER,
        p_wrong=None,
        p_wrong_before=None,
        score=None,
        role=None,
        distance=None,
        out_of_distribution=False,
        question_out_of_distribution=False,
        neighbours=None,
        tokens=(),
        explanation=f"there is no answer to score: {inputs.answer.fault or 'it is empty'}",
    )
