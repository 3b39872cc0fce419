"""From an answer and its hidden states to a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from truthmap.arrays import AnyArray
from truthmap.detector.acceptance import lacks_exact_answer
from truthmap.detector.artifact import Artifact
from truthmap.detector.caveats import Caveat, because
from truthmap.detector.config import AskingConfig, DetectorConfig, Role
from truthmap.detector.heads import Head
from truthmap.detector.reading import Reading, read_state, token_log_odds
from truthmap.detector.verdict import PromptForecast, TokenScore, Verdict
from truthmap.errors import UsageError
from truthmap.grading.grade import grade as grade_answer
from truthmap.grading.text_model import NO_GRADERS, Graders
from truthmap.grading.token_spans import locate_ranges
from truthmap.positions import MISSING, Position
from truthmap.records import Answer, Grade, Outcome, Question


@dataclass(frozen=True)
class AnswerStates:
    """An answer with the hidden states of its tokens.

    Attributes:
        question: What was asked.
        answer: What the model said, or is taken to have said.
        states: float32 (1 + answer tokens, layers, d), the last prompt token first; or what `projections_of` the
            detector give of them, float64 (1 + answer tokens, numbers).
    """

    question: Question
    answer: Answer
    states: AnyArray


def locate_exact_answer(question: Question, answer: Answer, asking: AskingConfig, graders: Graders) -> Grade:
    """Find the exact answer by the run's rule; whether the answer is right plays no part.

    Where the task's rule needs something that a new question does not have, there is no exact answer.
    """
    try:
        return grade_answer(question, answer, asking.task, graders)
    except UsageError as error:
        return Grade(question.id, Outcome.UNSCORED, str(asking.task.grading), None, "", "", str(error))


def score_answer(
    artifact: Artifact, inputs: AnswerStates, asked: Sequence[Caveat], graders: Graders = NO_GRADERS
) -> Verdict:
    """Return the verdict on an answer.

    Args:
        artifact: The detector.
        inputs: The answer with its states.
        asked: In what it did not come as the training answers did; with any of it, nothing is claimed.
        graders: Holds the model that finds the exact answer, where the task asks for one.
    """
    grade = locate_exact_answer(inputs.question, inputs.answer, artifact.config.asking, graders)
    positions = tuple(dict.fromkeys(cell.position for head in artifact.heads.values() for cell in head.config.cells))
    drop = artifact.config.asking.drop_closing_token
    ranges = locate_ranges(inputs.answer, grade.span, positions, drop_closing_token=drop)
    last_q = len(inputs.answer.prompt_ids) - 1
    columns = {
        p: slice(int(start) - last_q, int(end) - last_q)
        for p, (start, end) in zip(positions, ranges, strict=True)
        if start != MISSING
    }
    head = _head_for(artifact.heads, columns)
    if head is None:
        return _unanswered(inputs, asked)
    placed = read_state(artifact, head, inputs.states, [columns[cell.position] for cell in head.config.cells])
    reading = placed.reading
    has_forecast = Role.BEFORE in artifact.heads
    forecast = forecast_prompt(artifact, inputs.question, inputs.states[0], asked) if has_forecast else None
    question_far = forecast is not None and forecast.out_of_distribution
    judged = judge(artifact, reading, grade, asked, question_far=question_far)
    caveats, trusted = judged.caveats, judged.trusted
    return Verdict(
        question=inputs.question.text,
        answer=inputs.answer,
        exact_answer=grade.span,
        trusted=trusted,
        p_wrong=judged.p_wrong,
        p_wrong_before=None if forecast is None else forecast.p_wrong,
        score=reading.score,
        role=head.config.role,
        distance=reading.distance,
        out_of_distribution=reading.out_of_distribution,
        question_out_of_distribution=question_far,
        similar=placed.similar(artifact),
        tokens=token_scores(artifact, inputs.answer, inputs.states[1:]),
        caveats=caveats,
        guarantee=None if caveats else artifact.config.guarantee,
        explanation=_nothing_claimed(caveats)
        if trusted is None
        else _explain(artifact.config, reading.p_wrong, trusted=trusted),
    )


def forecast_prompt(
    artifact: Artifact, question: Question, states: AnyArray, asked: Sequence[Caveat]
) -> PromptForecast:
    """Return what is to be expected before an answer token is generated.

    Args:
        artifact: The detector.
        question: What is asked.
        states: float32 (layers, d) of the last prompt token; or what `projections_of` the detector give of them.
        asked: In what it is not put as the training questions were; with any of it, nothing is claimed.

    Raises:
        UsageError: the detector has no head that reads the prompt alone.
    """
    head = artifact.heads.get(Role.BEFORE)
    if head is None:
        raise UsageError(
            "expected a detector with a head that reads the prompt alone, but this one has none; seal one anew with "
            "`truthmap detector RUN`"
        )
    reading = read_state(artifact, head, states[None], [slice(0, 1)] * len(head.config.cells)).reading
    caveats = (*asked, *([Caveat.QUESTION_OUT_OF_DISTRIBUTION] if reading.out_of_distribution else []))
    expected = f"of 100 questions like this, about {round(100 * reading.p_wrong)} are answered wrongly"
    return PromptForecast(
        question=question.text,
        p_wrong=None if caveats else reading.p_wrong,
        score=reading.score,
        distance=reading.distance,
        out_of_distribution=reading.out_of_distribution,
        caveats=caveats,
        explanation=_nothing_claimed(caveats) if caveats else expected,
    )


def token_scores(artifact: Artifact, answer: Answer, states: AnyArray) -> tuple[TokenScore, ...]:
    """Score every answer token as if it stood at the sealed position; its states are as in `AnswerStates`."""
    read = token_log_odds(artifact, states)
    return tuple(
        TokenScore(token, start, end, float(score))
        for token, (start, end), score in zip(answer.answer_ids, answer.offsets, read, strict=True)
    )


@dataclass(frozen=True)
class Judgement:
    """What is claimed of an answer; fields as in `Verdict`."""

    trusted: bool | None
    p_wrong: float | None
    caveats: tuple[Caveat, ...]


def judge(
    artifact: Artifact, reading: Reading, grade: Grade, asked: Sequence[Caveat], *, question_far: bool
) -> Judgement:
    """Return what is claimed of an answer by what a head reads of it.

    Args:
        artifact: The detector.
        reading: What was read.
        grade: Where its exact answer was found.
        asked: In what it did not come as the training answers did.
        question_far: The question alone is out of distribution.
    """
    caveats = (*asked, *_caveats_of_state(artifact, grade, reading, question_far=question_far))
    if caveats:
        return Judgement(None, None, caveats)
    return Judgement(_accepted(reading.head, reading.score), reading.p_wrong, ())


def _caveats_of_state(artifact: Artifact, grade: Grade, reading: Reading, *, question_far: bool) -> list[Caveat]:
    """Return why nothing is claimed about an answer however it was asked: by what it says and where its states lie."""
    caveats = []
    if lacks_exact_answer(grade, artifact.heads[Role.ANSWER].config.cells, artifact.config.training.found_right):
        caveats.append(Caveat.REFUSAL if grade.refusal else Caveat.NO_EXACT_ANSWER)
    if reading.out_of_distribution:
        caveats.append(Caveat.OUT_OF_DISTRIBUTION)
    if question_far:
        caveats.append(Caveat.QUESTION_OUT_OF_DISTRIBUTION)
    return caveats


def _head_for(heads: Mapping[Role, Head], columns: Mapping[Position, slice]) -> Head | None:
    """Return the first head whose positions the answer has."""
    ordered = [heads[role] for role in (Role.ANSWER, Role.FALLBACK, Role.BEFORE) if role in heads]
    return next((head for head in ordered if all(cell.position in columns for cell in head.config.cells)), None)


def _accepted(head: Head, score: float) -> bool:
    if not head.config.guarantees:
        return False  # only what the answer head reads is accepted: its guarantee counts all others as not accepted
    threshold = head.config.guarantees[0].threshold
    return threshold is not None and score >= threshold


def _nothing_claimed(caveats: Sequence[Caveat]) -> str:
    return f"nothing is claimed about this, because {because(caveats)}"


def _explain(config: DetectorConfig, p_wrong: float, *, trusted: bool) -> str:
    frequency = f"of 100 answers scored like this, about {round(100 * p_wrong)} are graded wrong"
    side = "accepted" if trusted else "the detector abstains"
    if config.guarantee is not None:
        return f"{frequency}; {side} under a guarantee: {config.guarantee}"
    return f"{frequency}; {side} without a guarantee: {config.heads[0].guarantees[0].why}"


def _unanswered(inputs: AnswerStates, asked: Sequence[Caveat]) -> Verdict:
    return Verdict(
        question=inputs.question.text,
        answer=inputs.answer,
        exact_answer=None,
        trusted=None,
        p_wrong=None,
        p_wrong_before=None,
        score=None,
        role=None,
        distance=None,
        out_of_distribution=False,
        question_out_of_distribution=False,
        similar=(),
        tokens=(),
        caveats=(*asked, Caveat.NO_ANSWER),
        guarantee=None,
        explanation=f"there is no answer to score: {inputs.answer.fault or 'it is empty'}",
    )
