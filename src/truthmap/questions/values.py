"""Cells of a table as the values of a question: texts, lists of texts, outcomes; nothing in them is ever evaluated."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from truthmap.questions.validation import BadRowError, IssueKind
from truthmap.records import Message, Outcome

LONGEST_TEXT = 1_000_000
"""Characters in a text of a question."""
_SEPARATOR = "|"
_ROLES = ("system", "developer", "user", "assistant")
_OUTCOMES: Mapping[str, Outcome] = {
    **dict.fromkeys(("right", "correct", "true", "yes", "1"), Outcome.RIGHT),
    **dict.fromkeys(("wrong", "incorrect", "false", "no", "0"), Outcome.WRONG),
    "unscored": Outcome.UNSCORED,
}


def text_of(value: Any, column: str) -> str | None:
    """Return a cell as text; `None` where it is empty. A whole number loses its `.0`.

    Raises:
        BadRowError: it is a list or an object, or too long.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, (str, int, float)):
        raise BadRowError(column, IssueKind.VALUE, f"expected a text, got {type(value).__name__}")
    text = str(value)
    if len(text) > LONGEST_TEXT:
        raise BadRowError(column, IssueKind.TOO_LONG, f"{len(text):,} characters, at most {LONGEST_TEXT:,} are taken")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BadRowError(column, IssueKind.NOT_UTF8, "half of a character (a lone surrogate), which no text can hold")
    return text if text.strip() else None


def conversation_of(value: Any, column: str) -> tuple[Message, ...] | None:
    """Return a cell as a conversation that ends with the user's message; `None` where it is no list of messages.

    It is a list of `{"role": …, "content": …}`, or JSON that is one; roles are system (first only), user, assistant.

    Raises:
        BadRowError: it is a list of messages, and one of them is malformed.
    """
    messages = _messages(value)
    if messages is None:
        return None
    said = tuple(_message(message, column) for message in messages)
    roles = [message.role for message in said]
    if roles[-1] != "user" or "system" in roles[1:]:
        raise BadRowError(
            column,
            IssueKind.VALUE,
            f"expected messages that end with the user's, a system message first if any, got {', '.join(roles)[:80]}",
        )
    return said


def _messages(value: Any) -> list[Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    listed = isinstance(value, (list, tuple)) and len(value) > 0
    return list(value) if listed and all(isinstance(item, Mapping) for item in value) else None


def _message(message: Mapping[str, Any], column: str) -> Message:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES or not isinstance(content, str) or not content.strip():
        raise BadRowError(
            column,
            IssueKind.VALUE,
            f"expected a message with role (system, user, assistant) and content (a text), got {str(message)[:60]}",
        )
    text_of(content, column)  # not too long
    return Message("system" if role == "developer" else role, content)


def texts_of(value: Any, column: str) -> tuple[str, ...]:
    """Return a cell as a list of texts: a list, JSON that is one (`["Lima", "Lima City"]`), or `Lima | Lima City`.

    Raises:
        BadRowError: it begins like JSON and is none, or holds something else than texts.
    """
    items = items_of(value, column)
    texts = (text_of(item, column) for item in items)
    return tuple(dict.fromkeys(text.strip() for text in texts if text is not None))


def candidates_of(value: Any, column: str) -> tuple[tuple[str, ...], ...] | None:
    """Return a cell as candidates: a list whose items are names, or lists of the names of one thing.

    Raises:
        BadRowError: there is only one candidate, or the cell is malformed.
    """
    items = items_of(value, column)
    candidates = tuple(names for item in items if (names := texts_of(item, column)))
    if not candidates:
        return None
    if len(candidates) < 2:
        raise BadRowError(
            column, IssueKind.VALUE, f"one candidate only ({candidates[0][0]!r}), at least two are needed"
        )
    return candidates


def outcome_of(value: Any, column: str, right_at: float | None = None) -> Outcome:
    """Return a cell as a ready outcome: right, correct, true, yes, 1; wrong, incorrect, false, no, 0; unscored.

    Args:
        value: The cell; a list of one element is that element.
        column: Its column.
        right_at: A number is right from here on, and wrong below; `None`: only 0 and 1 are outcomes.

    Raises:
        BadRowError: it is none of these.
    """
    value = only_element(value)
    text = text_of(value, column)
    if text is None:
        return Outcome.UNSCORED
    word = text.strip().casefold()
    number = _number_of(word) if right_at is not None or word not in _OUTCOMES else None
    if number is not None and right_at is not None:
        return Outcome.RIGHT if number >= right_at else Outcome.WRONG
    if number is not None and number in (0.0, 1.0):
        return Outcome.RIGHT if number else Outcome.WRONG
    if number is not None:
        raise BadRowError(
            column, IssueKind.VALUE, f"{text[:40]} is a score and no outcome; say from where on it is right: --right-at"
        )
    outcome = _OUTCOMES.get(word)
    if outcome is None:
        raise BadRowError(column, IssueKind.VALUE, f"{text[:40]!r} is no outcome; expected right, wrong or unscored")
    return outcome


def only_element(value: Any) -> Any:
    """Return the element of a list that has one, and of a list in it; everything else as it is."""
    while isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    return value


def _number_of(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def items_of(value: Any, column: str, form: str = '["a", "b"] or a | b') -> list[Any]:
    """Return a cell as a list: a list as it is, JSON that is one, or what `|` parts; of an empty cell an empty one.

    Raises:
        BadRowError: it begins like JSON and is none; says in which form to write it.
    """
    if isinstance(value, (list, tuple)):
        return list(value)
    text = text_of(value, column)
    if text is None:
        return []
    if not text.lstrip().startswith("["):
        return text.split(_SEPARATOR)
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRowError(
            column, IssueKind.VALUE, f"{text[:40]!r} begins like a JSON list and is none; write {form}"
        ) from None
    assert isinstance(items, list)
    return items
