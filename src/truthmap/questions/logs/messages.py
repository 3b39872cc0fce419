"""Messages of a log as those of a question: their roles, and their texts in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truthmap.questions.logs.base import at, bad

MESSAGES = "messages"
ASSISTANT = "assistant"
_TEXTS = ("text", "input_text", "output_text")
_REASONING = "reasoning"


def plain_messages(messages: list[Any]) -> list[Mapping[str, str]]:
    """Return messages with their texts, parts joined.

    Raises:
        BadRowError: one holds something else than text, which cannot be put to a text model.
    """
    return [{"role": str(at(said, "role")), "content": text_of_content(at(said, "content"))} for said in messages]


def split_answer(messages: Any) -> tuple[list[Mapping[str, str]], str]:
    """Return what was said before the last message, and that message's text: the answer.

    What the model thought before it is kept in the answer, in `<think>` tags.

    Raises:
        BadRowError: the last message is not the assistant's, or one holds something else than text.
    """
    if not isinstance(messages, list) or len(messages) < 2 or at(messages[-1], "role") != ASSISTANT:
        raise bad(MESSAGES, "expected messages that end with the assistant's answer")
    last = messages[-1]
    thought = _thought(at(last, "content")) or at(last, "reasoning_content") or at(last, _REASONING)
    said = text_of_content(at(last, "content"))
    return plain_messages(messages[:-1]), with_thought(thought, said)


def with_thought(thought: Any, said: str) -> str:
    """Return an answer behind the thought that led to it, as models with tags write the two."""
    return f"<think>\n{thought}\n</think>\n\n{said}" if isinstance(thought, str) and thought.strip() else said


def text_of_content(content: Any) -> str:
    """Return the text of a message, its parts joined; what it thought is no part of that.

    Raises:
        BadRowError: a part is an image or the like.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise bad(MESSAGES, f"expected the text of a message, got {type(content).__name__}")
    parts = [part for part in content if at(part, "type") != _REASONING]
    other = next((at(part, "type") for part in parts if at(part, "type") not in _TEXTS), None)
    if other is not None or any(not isinstance(part, Mapping) for part in parts):
        raise bad(MESSAGES, f"a message holds a part of type {str(other)[:40]!r}, expected text")
    return "".join(str(at(part, "text") or "") for part in parts)


def _thought(content: Any) -> str:
    parts = content if isinstance(content, list) else []
    told = [at(part, _REASONING) for part in parts if at(part, "type") == _REASONING and not at(part, "redacted")]
    return "\n".join(str(one) for one in told if one)
