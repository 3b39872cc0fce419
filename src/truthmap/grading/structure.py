"""The part of a final answer that is read: fences are left out, what is boxed or a JSON value is taken.

What is left out is blanked, so that every character that is read stays where it is in the answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from truthmap.grading.budget import LONGEST
from truthmap.records import Answer

_JSON_KEYS = (
    "final_answer",
    "answer",
    "final",
    "result",
    "solution",
    "choice",
    "label",
    "prediction",
    "output",
    "response",
)
"""Keys of a JSON answer that hold the answer itself, the most telling first."""
_DECODER = json.JSONDecoder()
_TAGS = (("<answer>", "</answer>"), ("<final>", "</final>"))
_BOX = "\\boxed{"
_FENCE = re.compile(r"```[A-Za-z0-9_+-]{0,20}")


def shown_answer(answer: Answer, key: str | None = None) -> Answer:
    """Return an answer as it is graded: what does not answer is blanked; of a very long one the beginning is read.

    Args:
        answer: The answer, its final part alone.
        key: The key of a JSON answer that holds the answer itself; by default `answer` and its like.
    """
    text = visible(answer.text[:LONGEST], _JSON_KEYS if key is None else (key.casefold(), *_JSON_KEYS))
    return replace(answer, text=text, finished=answer.finished and len(answer.text) <= LONGEST)


def visible(text: str, keys: tuple[str, ...] = _JSON_KEYS) -> str:
    """Return the text with everything blanked that does not answer; as long as the text.

    >>> visible('{"answer": "Lima"}')
    '            Lima  '
    """
    shown = _without_fences(text)
    return _boxed(_tagged(_json_value(shown, keys)))


def _without_fences(text: str) -> str:
    return _FENCE.sub(lambda match: " " * len(match.group()), text)


def _tagged(text: str) -> str:
    for opening, closing in _TAGS:
        start = text.rfind(opening)
        if start >= 0:
            end = text.find(closing, start)
            return _only(text, start + len(opening), len(text) if end < 0 else end)
    return text


def _boxed(text: str) -> str:
    r"""Show only what the last `\boxed{}` holds."""
    start = text.rfind(_BOX)
    if start < 0:
        return text
    depth, low = 1, start + len(_BOX)
    for index in range(low, len(text)):
        depth += (text[index] == "{") - (text[index] == "}")
        if not depth:
            return _only(text, low, index) if text[low:index].strip() else text
    return _only(text, low, len(text)) if text[low:].strip() else text


def _json_value(text: str, keys: tuple[str, ...]) -> str:
    """Show only the value of the JSON object that the text is, or ends with."""
    start = text.find("{")
    if start < 0 or not (text[:start].strip() == "" or text.rstrip().endswith("}")):
        return text
    try:
        value, _ = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return text
    if not isinstance(value, dict):
        return text
    named = {str(key).casefold(): key for key in value}
    key = next((named[name] for name in keys if name in named), None)
    if key is None:
        return text
    return _show_value(text, start, str(key))


def _show_value(text: str, start: int, key: str) -> str:
    """Show the value of a key of the object that begins at `start`, without quotation marks."""
    at = text.find(json.dumps(key, ensure_ascii=False), start)
    colon = text.find(":", at + len(key)) if at >= 0 else -1
    if colon < 0:
        return text
    low = colon + 1
    while low < len(text) and text[low].isspace():
        low += 1
    try:
        _, high = _DECODER.raw_decode(text, low)
    except (ValueError, RecursionError):
        return text
    quoted = text[low] == '"'
    return _only(text, low + quoted, high - quoted)


def _only(text: str, start: int, end: int) -> str:
    return " " * start + text[start:end] + " " * (len(text) - end)
