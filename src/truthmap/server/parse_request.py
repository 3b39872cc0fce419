"""From a request to what the detector needs: the question, the prompt, how to answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from truthmap.answers.prompt import GenerateSettings
from truthmap.detector.caveats import spoken_before
from truthmap.detector.detector import Detector
from truthmap.detector.stream_scorer import StreamScorer
from truthmap.errors import ModelError, TruthmapError
from truthmap.records import Message, Question
from truthmap.server.http_errors import HttpError
from truthmap.server.requests import ChatRequest, ScoreItem
from truthmap.server.serve_settings import ServeSettings


@dataclass(frozen=True)
class PreparedChat:
    """A chat request, ready to be answered.

    Attributes:
        scorer: Scores the answer while it is decoded.
        cancelled: Set it to end the answer at the next token.
    """

    scorer: StreamScorer
    cancelled: threading.Event


def parse_request(request: ChatRequest, detector: Detector, settings: ServeSettings) -> PreparedChat:
    """Check a chat request against the model, the detector and the limits, and return it ready to be answered.

    Raises:
        HttpError: another model is asked for (404), there is no question (400), prompt or answer are too long (413).
    """
    if request.model != detector.lm.name and request.model != model_id(detector):
        raise HttpError(
            404,
            f"there is no model {request.model!r} here; the one served is {model_id(detector)!r}",
            "model_not_found",
        )
    last = request.messages[-1]
    if last.role != "user" or not last.text.strip():
        raise HttpError(
            400, "the last message must be the user's, with the question in it", "invalid_value", "messages"
        )
    question = question_of(request, detector)
    generate = _generate(request, detector, settings)
    # What was put as in training is put by the run's own rule; any other conversation as it came.
    as_sealed = len(request.messages) == 1 or spoken_before(question) in detector.config.asking.turns
    try:
        prompt_ids = detector.prompt_ids(question) if as_sealed else _conversation(request, detector)
    except ModelError as error:
        raise HttpError(400, f"these messages cannot be put to the model: {error}", "invalid_value") from error
    _require_room(len(prompt_ids), settings)
    cancelled = threading.Event()
    scorer = detector.stream_scorer(question, generate, prompt_ids, cancelled.is_set, settings.early_exit)
    if not scorer.fits:
        raise HttpError(
            413, "prompt and answer together are longer than the model can read", "context_length_exceeded", "messages"
        )
    return PreparedChat(scorer, cancelled)


def question_of(request: ChatRequest, detector: Detector) -> Question:
    """Return the question of a conversation: its last message, and what was said before.

    A client that sends the run's system prompt and examples itself asks as the run did: they are no turns of the
    question's own, and the last message is already in the run's words.
    """
    task = detector.config.asking.task
    # A developer's message is what was called a system message before.
    roles = ("system" if message.role == "developer" else message.role for message in request.messages)
    *before, last = (Message(role, message.text) for role, message in zip(roles, request.messages, strict=True))
    text, opening = last.content, list(task.opening)
    if opening and before[: len(opening)] == opening:
        before = before[len(opening) :]
        text = task.asked_in(text)
    return detector.question(text, request.truthmap.candidates, before)


def model_id(detector: Detector) -> str:
    """Return the name under which the model is served: the last part of a path or hub id."""
    return detector.lm.name.rstrip("/").rpartition("/")[2] or detector.lm.name


def _generate(request: ChatRequest, detector: Detector, settings: ServeSettings) -> GenerateSettings:
    wanted = request.max_completion_tokens or request.max_tokens
    if wanted is not None and wanted > settings.max_tokens:
        raise HttpError(
            413,
            f"an answer of {wanted} tokens is too long: at most {settings.max_tokens}",
            "too_many_tokens",
            "max_tokens",
        )
    return GenerateSettings(
        max_new_tokens=wanted or min(detector.config.asking.max_new_tokens, settings.max_tokens),
        temperature=request.temperature or 0.0,
        top_p=1.0 if request.top_p is None else request.top_p,
        seed=request.seed or 0,
        max_thinking_tokens=detector.config.asking.max_thinking_tokens,
    )


def _conversation(request: ChatRequest, detector: Detector) -> tuple[int, ...]:
    """Return the prompt of a conversation of several messages, by the model's chat template."""
    lm = detector.lm
    if not lm.asks_in_chat:
        raise HttpError(
            400, "this model is asked without a chat template: send one user message", "invalid_value", "messages"
        )
    messages = [{"role": message.role, "content": message.text} for message in request.messages]
    return lm.prompt_encoder.chat_ids(messages)


def parse_score_item(item: ScoreItem, detector: Detector, settings: ServeSettings) -> tuple[Question, str | None]:
    """Return the question of a score request's item, and its answer where it has one.

    Raises:
        HttpError: the question is empty or cannot be asked (400), or it is too long (413).
    """
    if not item.question.strip():
        raise HttpError(400, "the question is empty", "invalid_value", "question")
    question = detector.question(item.question, item.candidates)
    try:
        n_tokens = len(detector.prompt_ids(question)) + len(detector.lm.encode(item.answer or ""))
    except TruthmapError as error:
        raise HttpError(400, str(error), "invalid_value", "question") from error
    _require_room(n_tokens, settings)
    return question, item.answer


def _require_room(n_tokens: int, settings: ServeSettings) -> None:
    if n_tokens > settings.max_prompt_tokens:
        raise HttpError(
            413,
            f"{n_tokens} tokens are to be read, at most {settings.max_prompt_tokens} are taken",
            "context_length_exceeded",
        )
