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
from truthmap.detector.verdict import Neighbours, PromptForecast, TokenScore, Trust, Verdict, chance
from truthmap.errors import UsageError
from truthmap.grading.asking import Graders
from truthmap.grading.grade import grade
from truthmap.grading.positions import MISSING, locate_positions
from truthmap.records import POSITIONS, Answer, Grade, Outcome, Position, Question

EXACT_POSITIONS = frozenset(
    {Position.EXACT_BEFORE_FIRST, Position.EXACT_FIRST, Position.EXACT_LAST, Position.EXACT_AFTER_LAST}
)
NO_GRADERS = Graders()
_NEIGHBOURS = 10
_SHOWN = 3


@dataclass(frozen=True)
class AnswerStates:
    """An answer with the states of its tokens.

    Attributes:
        question: What was asked.
        answer: What came.
        states: float32 (1 + answer tokens, layers, d), the last prompt token first.
    """

    question: Question
    answer: Answer
    states: Floats32


def state_spec(artifact: Artifact) -> StateSpec:
    """Say what must be kept of every token for this detector."""
    layers = sorted({layer for head in artifact.heads.values() for layer in head.layers})
    return StateSpec(artifact.config.site, tuple(layers))


def locate_exact_answer(question: Question, answer: Answer, asking: AskingConfig, graders: Graders) -> Grade:
    """Find the exact answer as the run did; whether the answer is right is not looked at.

    Where the task's rule needs something that a new question does not have, there is no exact answer.
    """
    try:
        return grade(question, answer, asking.task, graders)
    except UsageError as error:
        return Grade(question.id, Outcome.UNSCORED, str(asking.task.grading), None, "", "", str(error))


def score_answer(artifact: Artifact, heard: AnswerStates, graders: Graders = NO_GRADERS) -> Verdict:
    """Return the verdict on an answer; where the task lets a model find the exact answer, `graders` holds it."""
    found = locate_exact_answer(heard.question, heard.answer, artifact.config.asking, graders)
    places = locate_positions(heard.answer, found.span)
    last_q = len(heard.answer.prompt_ids) - 1
    column = {p: int(place) - last_q for p, place in zip(POSITIONS, places, strict=True) if place != MISSING}
    head = _head_for(artifact.heads, column)
    if head is None:
        return _unanswered(heard)
    layers = state_spec(artifact).layers
    cells = head.config.cells
    state = np.stack([heard.states[column[cell.position], layers.index(cell.layer)] for cell in cells])[None]
    score = float(head.score(state)[0])
    p_wrong = float(head.p_wrong(np.array([score]))[0])
    distance = float(head.distance(state)[0])
    needed = any(cell.position in EXACT_POSITIONS for cell in artifact.heads[Role.ANSWER].config.cells)
    missing = found.span is None and (needed or found.refusal or artifact.config.training.found_right == 1)
    trust = Trust.NO_EXACT_ANSWER if missing else _trust(head, score)
    before = artifact.heads.get(Role.BEFORE)
    forecast = None if before is None else forecast_prompt(artifact, heard.question, heard.states[0])
    return Verdict(
        question=heard.question.text,
        answer=heard.answer,
        exact_answer=found.span,
        trust=trust,
        p_wrong=p_wrong,
        p_wrong_before=None if forecast is None else forecast.p_wrong,
        score=score,
        role=head.config.role,
        distance=distance,
        out_of_distribution=distance > head.config.ood.threshold,
        question_out_of_distribution=forecast is not None and forecast.out_of_distribution,
        neighbours=_neighbours(artifact, head, state[0]),
        tokens=token_scores(artifact, heard.answer, heard.states[1:]),
        explanation=_explain(head, trust, p_wrong, found),
    )


def forecast_prompt(artifact: Artifact, question: Question, states: Floats32) -> PromptForecast:
    """Say what is to be expected before anything is said: states (layers, d) of the last prompt token.

    Raises:
        UsageError: the detector has no head for that.
    """
    head = artifact.heads.get(Role.BEFORE)
    if head is None:
        raise UsageError(
            "this detector has no head that reads the question alone; make it anew from a run that has one"
        )
    layers = state_spec(artifact).layers
    state = np.stack([states[layers.index(cell.layer)] for cell in head.config.cells])[None]
    score = float(head.score(state)[0])
    p_wrong, distance = float(head.p_wrong(np.array([score]))[0]), float(head.distance(state)[0])
    trust = _trust(head, score)
    explanation = f"of 100 questions like this, about {round(100 * p_wrong)} are answered wrongly"
    return PromptForecast(
        question.text, p_wrong, score, distance, distance > head.config.ood.threshold, trust, explanation
    )


def token_scores(artifact: Artifact, answer: Answer, states: Floats32) -> tuple[TokenScore, ...]:
    """Score every answer token as if it stood at the sealed position: states (tokens, layers, d)."""
    read = token_p_wrong(artifact, states)
    return tuple(
        TokenScore(token, start, end, float(p))
        for token, (start, end), p in zip(answer.answer_ids, answer.offsets, read, strict=True)
    )


def token_p_wrong(artifact: Artifact, states: Floats32) -> Floats:
    """Return P(wrong) as the answer head reads it at each token: states (tokens, layers, d) → float64 (tokens,)."""
    head = artifact.heads[Role.ANSWER]
    layers = state_spec(artifact).layers
    return head.p_wrong(head.score(states[:, [layers.index(layer) for layer in head.layers]]))


def _head_for(heads: Mapping[Role, Head], column: Mapping[Position, int]) -> Head | None:
    """Return the first head whose positions the answer has."""
    ordered = [heads[role] for role in (Role.ANSWER, Role.FALLBACK, Role.BEFORE) if role in heads]
    return next((head for head in ordered if all(cell.position in column for cell in head.config.cells)), None)


def _trust(head: Head, score: float) -> Trust:
    threshold = head.config.guarantees[0].threshold
    return Trust.TRUST if threshold is not None and score >= threshold else Trust.DONT_TRUST


def _explain(head: Head, trust: Trust, p_wrong: float, found: Grade) -> str:
    if trust is Trust.NO_EXACT_ANSWER:
        why = "the answer declines to answer" if found.refusal else "no exact answer was found in it"
        where = ", ".join(str(cell.position) for cell in head.config.cells)
        return f"{why}, and from such answers nothing was learned (read at {where} instead, P(wrong) is {p_wrong:.2f})"
    guarantee = head.config.guarantees[0]
    side = "let through" if trust is Trust.TRUST else "held back"
    if guarantee.kept:
        return f"{chance(p_wrong)}; {side} by a rule that keeps its promise: {guarantee.sentence}"
    return f"{chance(p_wrong)}; {side} by a rule without a guarantee: {guarantee.why}"


def _neighbours(artifact: Artifact, head: Head, state: Floats32) -> Neighbours | None:
    if not artifact.records:
        return None
    near = [artifact.records[row] for row in head.nearest(state, _NEIGHBOURS)]
    return Neighbours(len(near), sum(record.right for record in near), tuple(near[:_SHOWN]))


def _unanswered(heard: AnswerStates) -> Verdict:
    return Verdict(
        question=heard.question.text,
        answer=heard.answer,
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
        explanation=f"there is no answer to judge: {heard.answer.fault or 'it is empty'}",
    )
