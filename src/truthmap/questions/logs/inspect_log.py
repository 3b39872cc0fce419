"""inspect_ai: the samples of a `.eval` or JSON log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.questions.columns import Columns
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.logs.base import LogReader, at, texts_in
from truthmap.questions.logs.chat_lines import TEMPLATE, THOUGHTS
from truthmap.questions.logs.messages import ASSISTANT, split_answer

EPOCHS = "epochs"
"""Beside a sample's own fields: how often each was asked."""
_LETTERS: Mapping[str, float | None] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": None}
"""Correct, incorrect, partly, no answer; the last is unscored, since nothing was there to be graded."""
_ONE_TURN = "of a conversation with several answers the last one is read, what was said before is its prompt"


class InspectLog:
    """Samples of inspect_ai."""

    tool = "inspect_ai"

    def recognises(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a row is a sample."""
        return {"id", "epoch", "input", "messages", "scores", EPOCHS} <= values.keys()

    def reader(self, first: Mapping[str, Any], columns: Columns) -> LogReader:
        """Choose the scorer by the first sample that has scores.

        Raises:
            QuestionsError: there are no scores, or the one that is named is not there.
        """
        scores = first["scores"] or {}
        wanted = columns.outcome
        scorer, _, key = (wanted or "").partition(".")
        if not scores or (wanted is not None and scorer not in scores):
            what = f"no score {wanted!r}" if wanted else "no scores"
            raise QuestionsError(
                f"the log has {what}; it has {', '.join(scores) or 'none'}: score it with `inspect score`"
            )
        chosen = scorer if wanted else next(iter(scores))
        return InspectReader(chosen, key or None, several=int(first[EPOCHS] or 1) > 1)


@dataclass(frozen=True)
class InspectReader:
    """Reads samples.

    Attributes:
        scorer: Whose score is the outcome.
        key: Which of its values, where it gives several; named as `SCORER.KEY`.
        several: Each sample was asked more than once.
    """

    scorer: str
    key: str | None
    several: bool

    @property
    def facts(self) -> LogFacts:
        """What becomes of a sample's fields."""
        became = {
            "id": "id and epoch" if self.several else "id",
            **({"group": "id"} if self.several else {}),
            "question": "messages before the last answer",
            "accepted": "target",
            "response": "the last message of the assistant",
            "outcome": f"scores.{self.scorer}.value" + (f".{self.key}" if self.key else ""),
        }
        return LogFacts(InspectLog.tool, became, (TEMPLATE, THOUGHTS, _ONE_TURN))

    def convert(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the fields of a question; samples that failed or have no answer are left out."""
        messages = values["messages"] or []
        answered = [n for n, said in enumerate(messages) if at(said, "role") == ASSISTANT]
        if values.get("error") or not answered or answered[-1] == 0:
            return None
        before, answer = split_answer(messages[: answered[-1] + 1])
        if not answer.strip():
            return None
        own, epoch = str(values["id"]), values["epoch"]
        return {
            "id": f"{own}_epoch_{epoch}" if self.several else own,
            "group": own if self.several else None,
            "question": before,
            "accepted": _targets(values),
            "response": answer,
            "outcome": self._outcome(values),
        }

    def _outcome(self, values: Mapping[str, Any]) -> Any:
        value = at((values["scores"] or {}).get(self.scorer), "value")
        if self.key is not None:
            value = at(value, self.key)
        return _LETTERS[value] if isinstance(value, str) and value in _LETTERS else value


def _targets(values: Mapping[str, Any]) -> list[str]:
    """Return the accepted answers; the letter of a choice with the choice itself."""
    targets, choices = texts_in(values.get("target") or []), texts_in(values.get("choices") or [])
    places = [ascii_uppercase.find(target) for target in targets if len(target) == 1]
    return [*targets, *(choices[place] for place in places if 0 <= place < len(choices))]
