"""The tools whose logs are read, a line each; the first that knows a row reads its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truthmap.questions.logs.base import LogKind
from truthmap.questions.logs.chat_lines import ChatLines
from truthmap.questions.logs.inspect_log import InspectLog
from truthmap.questions.logs.lighteval import Lighteval
from truthmap.questions.logs.lm_eval import LmEval
from truthmap.questions.logs.openai_batch import BatchInput, BatchOutput

LOGS: tuple[LogKind, ...] = (LmEval(), InspectLog(), Lighteval(), BatchInput(), BatchOutput(), ChatLines())


def log_kind(first: Mapping[str, Any]) -> LogKind | None:
    """Return the kind of log that a row is of, or `None`: it is of a question file."""
    return next((kind for kind in LOGS if kind.recognises(first)), None)
