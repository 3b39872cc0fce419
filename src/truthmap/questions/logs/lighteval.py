"""lighteval: the details of a task, `details_TASK_DATE.parquet`, written with --save-details."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.questions.columns import Columns
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.logs.base import LogReader, at, bad, is_binary, numbers_in, texts_in
from truthmap.questions.logs.chat_lines import TEMPLATE
from truthmap.questions.logs.messages import plain_messages, with_thought


@dataclass(frozen=True)
class _Layout:
    """Where the columns of a version of lighteval hold what: dotted paths."""

    question: str
    prompt: str
    response: str
    reasoning: str
    log_probs: str
    choices: str
    gold_index: str
    gold: str
    metric: str
    id: str


_LAYOUTS = {
    "model_response": _Layout(
        "doc.query", "model_response.input", "model_response.text", "model_response.reasonings",
        "model_response.logprobs", "doc.choices", "doc.gold_index", "", "metric", "doc.id",
    ),
    "predictions": _Layout(
        "example", "full_prompt", "predictions", "", "pred_logits", "choices", "gold_index", "gold", "metrics", "",
    ),
}  # fmt: skip
"""By the column that tells a version: from 0.11 on, and before."""
_SENT = (
    "the prompt is put to the model as the log has it, and made into tokens anew: the ids in the log are not compared, "
    "and a prompt that was cut from the left is whole here"
)
_LIKELIEST = (
    "where the model was asked how likely each choice is, it said nothing itself: the likeliest stands for its answer"
)


class Lighteval:
    """Rows of lighteval's details."""

    tool = "lighteval"

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a row has its columns."""
        return {"doc", "model_response", "metric"} <= values.keys() or {"full_prompt", "predictions"} <= values.keys()

    def reader(self, first: Mapping[str, Any], columns: Columns) -> LogReader:
        """Choose the metric by the first row.

        Raises:
            QuestionsError: no metric of the row is a number, the one that is named is not there, or the columns were
                written as texts.
        """
        layout = next(layout for name, layout in _LAYOUTS.items() if name in first)
        metrics = at(first, layout.metric)
        if not isinstance(metrics, Mapping):
            raise QuestionsError(
                "the log's columns were written as the texts of Python objects, which nothing here evaluates: run "
                "lighteval again, with a version from 0.11 on"
            )
        usable = numbers_in(metrics, tuple(metrics))
        wanted = columns.outcome
        if wanted is not None and wanted not in metrics:
            raise QuestionsError(f"the log has no metric {wanted!r}; it has {', '.join(metrics) or 'none'}")
        if wanted is None and not usable:
            raise QuestionsError(
                f"none of the metrics of the log is a number: {', '.join(metrics) or 'there are none'}"
            )
        chosen = wanted or ([name for name in usable if is_binary(metrics[name])] or usable)[0]
        return LightevalReader(layout, chosen, is_chat=isinstance(at(first, layout.prompt), list))


@dataclass(frozen=True)
class LightevalReader:
    """Reads the rows of one task: where they hold what, the metric that is the outcome, and how it was asked."""

    layout: _Layout
    metric: str
    is_chat: bool

    @property
    def facts(self) -> LogFacts:
        """What becomes of a row's fields."""
        layout = self.layout
        became = {
            **({"id": layout.id} if layout.id else {}),
            "question": layout.prompt if self.is_chat else layout.question,
            **({} if self.is_chat else {"prompt": layout.prompt}),
            "accepted": f"{layout.choices} at {layout.gold_index}",
            "response": f"{layout.response}, else the likeliest of {layout.choices}",
            "outcome": f"{layout.metric}.{self.metric}",
        }
        return LogFacts(Lighteval.tool, became, (TEMPLATE if self.is_chat else _SENT, _LIKELIEST))

    def convert(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the fields of a question; rows without an answer are left out."""
        layout = self.layout
        sent, choices = at(values, layout.prompt), texts_in(at(values, layout.choices) or [])
        response = self._response(values, choices)
        if not response.strip():
            return None
        if not isinstance(sent, list) and not isinstance(sent, str):
            raise bad(layout.prompt, "it does not say what was sent")
        asked = at(values, layout.question)
        return {
            **({"id": at(values, layout.id)} if layout.id else {}),
            "question": plain_messages(sent) if isinstance(sent, list) else asked if isinstance(asked, str) else sent,
            "prompt": None if isinstance(sent, list) else sent,
            "accepted": self._accepted(values, choices),
            "response": response,
            "outcome": at(at(values, layout.metric), self.metric),
        }

    def _response(self, values: Mapping[str, Any], choices: list[str]) -> str:
        layout = self.layout
        said = texts_in(at(values, layout.response) or [])
        if said:
            thought = texts_in(at(values, layout.reasoning) or []) if layout.reasoning else []
            return with_thought(thought[0] if thought else None, said[0])
        found = at(values, layout.log_probs)
        scores = found if isinstance(found, list) else []
        if len(scores) != len(choices) or any(not isinstance(score, (int, float)) for score in scores):
            return ""
        return choices[max(range(len(scores)), key=scores.__getitem__)] if scores else ""

    def _accepted(self, values: Mapping[str, Any], choices: list[str]) -> list[str]:
        gold = texts_in(at(values, self.layout.gold) or []) if self.layout.gold else []
        places = at(values, self.layout.gold_index)
        listed = places if isinstance(places, list) else [places]
        return gold or [choices[n] for n in listed if isinstance(n, int) and 0 <= n < len(choices)]
