"""What may be asked of the server, checked field by field."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from truthmap.server.http_errors import HttpError
from truthmap.text import cut

_IGNORING = ConfigDict(frozen=True, extra="ignore")
_STRICT = ConfigDict(frozen=True, extra="forbid")
_NOT_OFFERED = {
    "n": (None, 1),
    "tools": (None, []),
    "functions": (None, []),
    "tool_choice": (None, "none", "auto"),
    "response_format": (None, {"type": "text"}),
    "logprobs": (None, False),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "reasoning_effort": (None,),
    "chat_template_kwargs": (None, {}),
}
"""What would change the answer and cannot be done, with the values that ask for nothing."""


MOST_CANDIDATES = 500
"""Names that a request may bring: each is looked for in the answer, at more than one of its tokens."""
MOST_STOPS = 64
"""Texts that may end an answer, or characters of a single one."""
_Request = TypeVar("_Request", bound=BaseModel)


class TextPart(BaseModel):
    """A piece of a message."""

    model_config = _IGNORING

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """A message of a conversation."""

    model_config = _IGNORING

    role: Literal["system", "developer", "user", "assistant"]
    content: str | tuple[TextPart, ...]

    @property
    def text(self) -> str:
        """Its text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream carries besides the text."""

    model_config = _IGNORING

    include_usage: bool = False


class TruthmapOptions(BaseModel):
    """truthmap's own part of a request."""

    model_config = _STRICT

    candidates: tuple[str, ...] | None = Field(
        None, max_length=MOST_CANDIDATES, description="What the answer could name, where the detector's own do not fit"
    )


class ChatRequest(BaseModel):
    """A request for a chat completion, as OpenAI's clients send it."""

    model_config = _IGNORING

    model: str
    messages: tuple[ChatMessage, ...] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | tuple[str, ...] | None = Field(None, max_length=MOST_STOPS, description="Texts that end the answer")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    truthmap: TruthmapOptions = TruthmapOptions()

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts at which the answer ends."""
        listed = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        return tuple(text for text in listed if text)


class ScoreItem(BaseModel):
    """A question, and the answer to score; without one, the model's own is forecast."""

    model_config = _STRICT

    question: str = Field(min_length=1)
    answer: str | None = None
    candidates: tuple[str, ...] | None = Field(None, max_length=MOST_CANDIDATES)


class ScoreRequest(BaseModel):
    """Questions and answers to score."""

    model_config = _STRICT

    items: tuple[ScoreItem, ...] = Field(min_length=1, max_length=256)


def read_chat(body: bytes) -> ChatRequest:
    """Read a request for a chat completion.

    Raises:
        HttpError: it is malformed, or asks for what is not offered (400).
    """
    content = _read(body)
    for name, harmless in _NOT_OFFERED.items():
        if content.get(name) not in harmless:
            told = cut(repr(content[name]), 200)
            raise HttpError(400, f"{name} = {told} is not offered here; leave it out", "unsupported", name)
    return _validated(ChatRequest, content)


def read_score(body: bytes) -> tuple[ScoreRequest, bool]:
    """Read a request for scores: `{"items": […]}`, or one item by itself.

    Returns:
        The request, and whether it came as a list, which is answered by one.

    Raises:
        HttpError: it is malformed (400).
    """
    content = _read(body)
    listed = "items" in content
    return _validated(ScoreRequest, content if listed else {"items": [content]}), listed


def _read(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body, object_pairs_hook=_without_doubles, parse_constant=_no_number)
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise HttpError(400, "a text holds half of a character (a lone surrogate)", "invalid_value") from error
    except (ValueError, RecursionError) as error:
        raise HttpError(400, f"the body is not JSON: {error}", "invalid_json") from error
    if not isinstance(content, dict):
        raise HttpError(400, f"expected a JSON object, got {type(content).__name__}", "invalid_json")
    return content


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key comes more than once")
    return content


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _validated(kind: type[_Request], content: dict[str, Any]) -> _Request:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise HttpError(400, f"{where[:200]}: {fault['msg']}", "invalid_value", where[:200]) from error
