"""Batch files of OpenAI's API and its like: what was asked, and what came back, joined by `custom_id`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truthmap.questions.columns import Columns
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.logs.base import LogReader, at, bad
from truthmap.questions.logs.chat_lines import TEMPLATE, THOUGHTS
from truthmap.questions.logs.messages import plain_messages, split_answer, text_of_content

_ID = "custom_id"
_ENDS = "answers end where a stop sequence or the longest length cut them"


class BatchInput:
    """Rows of what was asked."""

    tool = "OpenAI batch, input"

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a row is a request."""
        return _ID in values and isinstance(values.get("body"), Mapping)

    def reader(self, first: Mapping[str, Any], columns: Columns) -> LogReader:  # noqa: ARG002 (of the protocol)
        """Return the reader."""
        return InputReader(is_chat="prompt" not in first["body"])


@dataclass(frozen=True)
class InputReader:
    """Reads requests: messages, an `input`, or a base model's prompt."""

    is_chat: bool

    @property
    def facts(self) -> LogFacts:
        """What becomes of a row's fields."""
        asked = {"question": "body.messages"} if self.is_chat else {"question": "body.prompt", "prompt": "body.prompt"}
        return LogFacts(BatchInput.tool, {"id": _ID, **asked}, (TEMPLATE,) if self.is_chat else ())

    def convert(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what was asked."""
        body = values.get("body")
        prompt = at(body, "prompt")
        if isinstance(prompt, str):
            return {"id": values[_ID], "question": prompt, "prompt": prompt}
        return {"id": values[_ID], "question": _asked(body)}


class BatchOutput:
    """Rows of what came back."""

    tool = "OpenAI batch, output"

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a row is a reply."""
        return _ID in values and ("response" in values or "error" in values)

    def reader(self, first: Mapping[str, Any], columns: Columns) -> LogReader:  # noqa: ARG002 (of the protocol)
        """Return the reader."""
        return OutputReader()


class OutputReader:
    """Reads replies of chat completions, completions and responses."""

    facts = LogFacts(BatchOutput.tool, {"id": _ID, "response": "response.body"}, (THOUGHTS, _ENDS))

    def convert(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what came back; requests that failed or brought nothing are left out."""
        body = at(values, "response.body")
        if (
            not isinstance(body, Mapping)
            or at(values, "response.status_code") not in (None, 200)
            or values.get("error")
        ):
            return None
        said = _said(body)
        return {"id": values[_ID], "response": said} if said.strip() else None


def _asked(body: Any) -> Any:
    messages, given = at(body, "messages"), at(body, "input")
    if isinstance(messages, list):
        return plain_messages(messages)
    told = at(body, "instructions")
    opening = [{"role": "system", "content": told}] if isinstance(told, str) else []
    if isinstance(given, str):
        return [*opening, {"role": "user", "content": given}]
    if isinstance(given, list):
        return [*opening, *plain_messages(given)]
    raise bad("body", "expected messages, an input or a prompt")


def _said(body: Mapping[str, Any]) -> str:
    """Return the text of a reply: the first choice's, or that of the output."""
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        text, message = at(choices[0], "text"), at(choices[0], "message")
        return text if isinstance(text, str) else split_answer([{}, message])[1]
    output = body.get("output")
    said = [at(one, "content") for one in output if at(one, "type") == "message"] if isinstance(output, list) else []
    return "".join(text_of_content(content) for content in said)
