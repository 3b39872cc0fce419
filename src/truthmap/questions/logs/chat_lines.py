"""Plain chats: JSON lines with `messages` that end with the assistant's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truthmap.questions.columns import CONVENTIONAL, Columns
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.logs.base import FIELDS, LogReader, at, first_named
from truthmap.questions.logs.messages import ASSISTANT, MESSAGES, split_answer

TEMPLATE = (
    "the messages are put through the chat template of the model that you name: which one made a prompt of them is not "
    "in the file; a template may add a system message of its own where they have none"
)
THOUGHTS = "what the model thought stands before its answer in <think> tags, whatever its own tokens for that are"


class ChatLines:
    """Rows with a conversation and the answer to it."""

    tool = "chat lines"

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a row has messages of which the last is the assistant's."""
        said = values.get(MESSAGES)
        return isinstance(said, list) and len(said) > 1 and at(said[-1], "role") == ASSISTANT

    def reader(self, first: Mapping[str, Any], columns: Columns) -> LogReader:  # noqa: ARG002 (of the protocol)
        """Find the other fields by their usual names."""
        named = {field: first_named(first, CONVENTIONAL[field]) for field in FIELDS}
        own = ("question", "response", "prompt")
        return ChatReader({field: name for field, name in named.items() if name and field not in own})


@dataclass(frozen=True)
class ChatReader:
    """Takes the last message for the answer; `others` are field → column of what stands beside the messages."""

    others: Mapping[str, str]

    @property
    def facts(self) -> LogFacts:
        """What becomes of a row's fields."""
        became = {**self.others, "question": "messages before the last", "response": "the last message"}
        return LogFacts(ChatLines.tool, became, (TEMPLATE, THOUGHTS))

    def convert(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the fields of a question; rows whose answer is empty are left out."""
        before, answer = split_answer(values.get(MESSAGES))
        if not answer.strip():
            return None
        others = {field: values.get(name) for field, name in self.others.items()}
        return {**others, "question": before, "response": answer}
