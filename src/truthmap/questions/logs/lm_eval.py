"""lm-evaluation-harness: `samples_TASK_DATE.jsonl`, written with --log_samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.questions.columns import CONVENTIONAL, Columns
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.logs.base import LogReader, at, bad, first_named, is_binary, numbers_in, texts_in
from truthmap.questions.logs.messages import plain_messages
from truthmap.questions.values import only_element

_QUESTION = (*CONVENTIONAL["question"], "problem", "input", "goal", "ctx", "sentence", "activity_label")
_OWN = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
    "doc_hash", "prompt_hash", "target_hash",
}  # fmt: skip
"""Keys of a row that are no metric."""
_BY_LENGTH = "acc_norm"
"""The metric whose answer is the continuation with the highest log-likelihood per character, not in all."""


class LmEval:
    """Rows of lm-evaluation-harness."""

    tool = "lm-evaluation-harness"

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a row has its keys."""
        return {"doc_id", "doc", "arguments", "resps"} <= values.keys()

    def reader(self, first: Mapping[str, Any], columns: Columns) -> LogReader:
        """Choose metric and filter by the first row.

        Raises:
            QuestionsError: no metric of the row is a number, or the one that is named is not there.
        """
        metric, chosen_filter = _metric(first, columns)
        calls = _calls(first)
        chat = bool(calls) and _messages(calls[0][0]) is not None
        question = first_named(first.get("doc"), _QUESTION)
        return LmEvalReader(
            metric=metric,
            filter=chosen_filter,
            question=question,
            is_choice=_is_choice(calls),
            is_chat=chat,
        )


@dataclass(frozen=True)
class LmEvalReader:
    """Reads the rows of one task.

    Attributes:
        metric: The metric that is the outcome.
        filter: The filter whose rows are taken.
        question: The key of `doc` with it; `None`: it has none that is known.
        is_choice: The model was asked how likely each continuation is, and said nothing itself.
        is_chat: The prompt is a conversation.
    """

    metric: str
    filter: str | None
    question: str | None
    is_choice: bool
    is_chat: bool

    @property
    def facts(self) -> LogFacts:
        """What becomes of a row's fields."""
        sent = "arguments.gen_args_0.arg_0"
        under = "" if self.filter is None else f" (filter {self.filter})"
        became = {
            "id": "doc_id",
            "question": sent if self.is_chat else self._asked,
            **({} if self.is_chat else {"prompt": sent}),
            "accepted": "target",
            "response": "the likeliest of the continuations in arguments" if self.is_choice else "resps",
            "outcome": f"{self.metric}{under}",
        }
        return LogFacts(LmEval.tool, became, self._differences)

    @property
    def _asked(self) -> str:
        return f"doc.{self.question}" if self.question else "the last lines of arguments.gen_args_0.arg_0"

    @property
    def _differences(self) -> tuple[str, ...]:
        asked = (
            "the log holds messages, and the endpoint's own chat template made a prompt of them: they are put through "
            "that of the model that you name, with its system prompt where the messages have none"
            if self.is_chat
            else "the prompt is put to the model as the log has it, few-shot examples and template included; whether a "
            "first token was put before it is not in the log (the tokenizer's own way is taken), nor whether a long "
            "prompt was cut from the left"
        )
        ends = (
            "the model was asked how likely each continuation is and said nothing itself: the likeliest stands for its "
            "answer"
            if self.is_choice
            else "answers end where a stop sequence cut them: the token that closed an answer is not in the log"
        )
        return (asked, ends)

    def convert(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the fields of a question; rows of another filter, and those without an answer, are left out."""
        if self.filter is not None and values.get("filter") != self.filter:
            return None
        calls = _calls(values)
        if not calls:
            raise bad("arguments", "it does not say what was sent")
        sent = calls[0][0]
        messages = _messages(sent)
        prompt = only_element(sent) if messages is None else None
        if messages is None and not isinstance(prompt, str):
            raise bad("arguments", f"expected the prompt as a text or messages, got {type(prompt).__name__}")
        response = self._chosen(values, calls) if self.is_choice else _said(values["resps"])
        if not response.strip():
            return None
        return {
            "id": values["doc_id"],
            "question": self._question(values, str(prompt)) if messages is None else plain_messages(messages),
            "prompt": prompt,
            "accepted": self._accepted(values),
            "response": response,
            "outcome": values.get(self.metric),
        }

    def _question(self, values: Mapping[str, Any], prompt: str) -> str:
        asked = None if self.question is None else at(values["doc"], self.question)
        return asked if isinstance(asked, str) and asked.strip() else _last_part(prompt)

    def _accepted(self, values: Mapping[str, Any]) -> list[str]:
        """Return the target; of a choice the name of the option that it counts."""
        target = values.get("target")
        if self.is_choice:
            options = [str(call[1]).strip() for call in _calls(values)]
            index = str(only_element(target))
            whole = int(index) if index.isdecimal() and len(index) < 4 else len(options)
            return options[whole : whole + 1] or texts_in(target)
        return texts_in(target)

    def _chosen(self, values: Mapping[str, Any], calls: Sequence[tuple[Any, Any]]) -> str:
        """Return the continuation that the model gave the highest log-likelihood."""
        found = values["resps"]
        if not isinstance(found, list) or len(found) != len(calls):
            raise bad("resps", f"expected the log-likelihood of each of {len(calls)} continuations")
        scores = [_log_likelihood(one) for one in found]
        texts = [str(call[1]) for call in calls]
        if self.metric == _BY_LENGTH:
            scores = [score / max(len(text.strip()), 1) for score, text in zip(scores, texts, strict=True)]
        return texts[max(range(len(texts)), key=scores.__getitem__)]


def _metric(first: Mapping[str, Any], columns: Columns) -> tuple[str, str | None]:
    """Return which metric is the outcome, and of which filter the rows are taken."""
    listed = first.get("metrics")
    named = [str(name) for name in listed] if isinstance(listed, list) else [n for n in first if n not in _OWN]
    own_filter = first.get("filter") if isinstance(first.get("filter"), str) else None
    wanted = columns.outcome
    if wanted is not None:
        metric, comma, chosen_filter = wanted.partition(",")
        if metric not in first:
            raise QuestionsError(f"the log has no metric {metric!r}; it has {', '.join(named) or 'none'}")
        return metric, chosen_filter if comma else own_filter
    usable = numbers_in(first, tuple(named))
    binary = [name for name in usable if is_binary(first[name])]
    if not usable:
        raise QuestionsError(
            f"none of the log's metrics is a number for each sample ({', '.join(named) or 'there are none'}): name "
            "another key with --outcome-column, or a task with a metric such as exact_match or acc"
        )
    return (binary or usable)[0], own_filter


def _calls(values: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Return what was sent, and what with it, of each call: older logs have lists, newer ones names."""
    arguments = values.get("arguments")
    if isinstance(arguments, Mapping):
        listed = [arguments[name] for name in sorted(arguments, key=_call_number)]
        pairs = [[one.get("arg_0"), one.get("arg_1")] for one in listed if isinstance(one, Mapping)]
    else:
        pairs = [list(one) for one in arguments if isinstance(one, list)] if isinstance(arguments, list) else []
    return [(pair[0], pair[1] if len(pair) > 1 else None) for pair in pairs if pair]


def _call_number(name: str) -> tuple[int, str]:
    digits = name.rpartition("_")[2]
    return (int(digits) if digits.isdecimal() and len(digits) < 9 else 0, name)


def _is_choice(calls: Sequence[tuple[Any, Any]]) -> bool:
    return len(calls) > 0 and all(isinstance(call[1], str) for call in calls)


def _messages(sent: Any) -> list[Any] | None:
    """Return a prompt that is a conversation: messages, or the JSON of them, alone in a list or not."""
    found = only_element(sent)
    if isinstance(found, Mapping):
        found = [found]
    if isinstance(found, str) and found.lstrip().startswith("[{"):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            return None
    is_said = isinstance(found, list) and all(isinstance(one, Mapping) and "role" in one for one in found)
    return found if is_said and found else None


def _said(resps: Any) -> str:
    """Return the first answer of a sample: `[["…"]]`."""
    found = resps
    while isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, str):
        raise bad("resps", "it holds no text that the model said")
    return found


def _log_likelihood(one: Any) -> float:
    """Return a log-likelihood: `[["-5.6", "False"]]`, numbers or texts."""
    found = one
    while isinstance(found, list) and found:
        found = found[0]
    try:
        return float(found)
    except (TypeError, ValueError):
        raise bad("resps", "it holds no log-likelihood of a continuation") from None


def _last_part(prompt: str) -> str:
    """Return what follows the last empty line of a prompt: the question behind its examples."""
    return prompt.rstrip().rpartition("\n\n")[2]
