"""Whether prompts contain the accepted answer, and what the AUC is where they do not.

"PARALLAX: Separating Genuine Hallucination Detection from Benchmark Construction Artifacts" (Hussain and Kantarcioglu,
arXiv 2605.17028) finds the ground truth in the prompts of four of six sets, where comparing texts is enough to "detect"
errors. Here the prompt of each row (the question with its context and its turns, the examples and the system prompt
before it) is searched for an accepted answer, as whole words. Where a question names all that could be answered (a
choice, yes or no) that is no leak. The AUC is given on the rows without a leak, for the probe as it is and for one that
learned without them; and whether the answer that was given stands in the prompt is held against the probe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlReading,
    ControlVerdict,
    against,
    has_enough,
    remaining,
    verdict_on,
)
from truthmap.analyses.probing import fit_cell_probe, only, read_cell
from truthmap.arrays import Bools
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.intervals import exact_share_of
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Question
from truthmap.text import find_words, is_unspaced, normalized

FEWEST_CHARACTERS = 3
"""Of an accepted answer without digits: "US" and "no" stand in prompts by chance."""
_MOST_OFFERED = 26
_MOST_GOLDS = 5
"""Different accepted answers in a whole set up to which they are what is offered: yes and no, true and false."""
TELLING = 0.05
"""The share of prompts with the accepted answer from which it is called a leak."""

COPIED = "answer is in the prompt"
"""The reader that looks whether the given answer stands in the prompt."""


def measure_gold_in_prompt(context: ControlContext) -> ControlResult:
    """Count the prompts that contain the accepted answer, and measure the probe on the rest.

    Raises:
        NotEnoughDataError: no question has an accepted answer.
    """
    data, tested = context.data, context.tested
    prompts = Prompts(data.questions, shared_text(data.settings))
    leaks = prompts.leaks
    rows = data.labels
    asked = {question.id for question in data.questions if question.accepted}
    known = rows.take(np.array([row.question_id in asked for row in rows.ids], dtype=bool))
    if not known.ids:
        raise NotEnoughDataError("no question came with an accepted answer")
    leaking = np.array([row.question_id in leaks for row in known.ids], dtype=bool)
    share = exact_share_of(leaking, known.group)
    counted = ControlReading(name="prompts with it", value=share, of="share")
    if not leaking.any():
        says = f"None of the {share.n:,} prompts contains the accepted answer, so nothing of the AUC comes from that."
        return ControlResult(ControlVerdict.HOLDS, says, (remaining("all rows", context.auc, context.auc), counted))
    clean = np.array([row.question_id not in leaks for row in tested.ids], dtype=bool)
    readings = [*_without(context, clean, leaks), *_given_in_prompt(context, prompts), counted]
    return _result(readings, share.value, int(leaking.sum()), share.n)


def shared_text(settings: Mapping[str, Any]) -> str:
    """Return what stands before every question of a run, by its settings: the system prompt and the examples."""
    answers = settings.get("settings", {}).get("answers", {})
    examples = [" ".join(filter(None, map(example.get, _EXAMPLE))) for example in answers.get("examples") or ()]
    return "\n".join(filter(None, (answers.get("system_prompt"), *examples)))


_EXAMPLE = ("context", "question", "answer")


@dataclass(frozen=True)
class Prompts:
    """What each question's prompt says.

    Attributes:
        questions: The questions.
        shared: What stands before every one of them.
    """

    questions: Sequence[Question]
    shared: str = ""

    @cached_property
    def said(self) -> dict[str, str]:
        """Each question's prompt, normalized."""
        return {question.id: normalized(f"{self.shared}\n{own_text(question)}") for question in self.questions}

    @cached_property
    def leaks(self) -> frozenset[str]:
        """The questions whose prompt contains an accepted answer, and not all that could be answered."""
        golds = list(dict.fromkeys(q.accepted[0] for q in self.questions if q.accepted))
        offered = [(gold,) for gold in golds] if 1 < len(golds) <= _MOST_GOLDS else []
        return frozenset(q.id for q in self.questions if self._is_leak(q, offered))

    def contains(self, question_id: str, text: str) -> bool:
        """Tell whether a question's prompt contains a text, as whole words."""
        return find_words(self.said[question_id], normalized(text)) >= 0

    def _is_leak(self, question: Question, offered: Sequence[tuple[str, ...]]) -> bool:
        if not self._names(question.id, filter(_is_telling, question.accepted)):
            return False
        choices = question.candidates or offered
        is_choice = 2 <= len(choices) <= _MOST_OFFERED
        return not (is_choice and all(self._names(question.id, names) for names in choices))

    def _names(self, question_id: str, names: Iterable[str]) -> bool:
        return any(self.contains(question_id, name) for name in names)


def own_text(question: Question) -> str:
    """Return all that comes with a question: the turns before it, its context and its text."""
    turns = (turn.content for turn in question.turns)
    return "\n".join(filter(None, (*turns, question.context, question.text)))


def _is_telling(name: str) -> bool:
    text = normalized(name)
    return len(text) >= FEWEST_CHARACTERS or any(c.isdigit() or is_unspaced(c) for c in text)


def _without(context: ControlContext, clean: Bools, leaks: frozenset[str]) -> list[ControlReading]:
    """Return the AUC on the test rows without a leak: of the probe as it is, and of one that learned without any."""
    rows = context.tested.take(clean)
    if not has_enough(rows.y, rows.group):
        return []
    value = auc_estimate(context.probe[clean], rows.y, rows.group)
    found = [remaining("rows without it", value, context.auc)]
    learned = context.seen.take(np.array([row.question_id not in leaks for row in context.seen.ids], dtype=bool))
    try:
        fitted = fit_cell_probe(read_cell(context.data, learned, context.cell), context.fitting.cs)
    except NotEnoughDataError:
        return found
    there = read_cell(context.data, rows, context.cell)
    scores = fitted.probe.score(there.states.double().numpy())
    again = auc_estimate(scores, there.y, there.group)
    return [*found, ControlReading(name="learned without it, too", value=again, probe=value)]


def _given_in_prompt(context: ControlContext, prompts: Prompts) -> list[ControlReading]:
    """Hold the probe against whether the given answer stands in the prompt, where an answer was found."""
    said = dict(zip(context.texts.ids, context.texts.exact_answer, strict=True))
    there = np.array([bool(normalized(said[row])) for row in context.tested.ids], dtype=bool)
    rows: LabelledAnswers = only(context.tested, [i for i, t in zip(context.tested.ids, there, strict=True) if t])
    if not has_enough(rows.y, rows.group):
        return []
    copied = np.array([float(prompts.contains(row.question_id, said[row])) for row in rows.ids])
    return [against(COPIED, copied, context.probe[there], rows.y, rows.group)]


def _result(readings: list[ControlReading], share: float, leaking: int, n: int) -> ControlResult:
    head = readings[0]
    called = "a leak: " if share >= TELLING else ""
    start = f"{called}{leaking:,} of {n:,} prompts ({share:.1%}) contain the accepted answer; "
    facts = (("prompts with the accepted answer", f"{leaking} of {n}"),)
    copied = next((r for r in readings if r.name == COPIED), None)
    tells = copied is not None and copied.value.low > 0.5
    end = (
        f"; whether the answer stands in the prompt tells right from wrong by itself ({copied.value.short})"
        if copied is not None and tells
        else ""
    )
    if head.left is None or head is copied:
        verdict = verdict_on(head) if head.left is not None else ControlVerdict.UNCLEAR
        middle = "too few rows are without it to measure the probe on"
    else:
        verdict = verdict_on(head)
        assert head.probe is not None
        middle = f"on the rows without it the probe reads {head.value.short} (all rows: {head.probe.value:.2f})"
    text = f"{start}{middle}{end}."
    return ControlResult(verdict, text[0].upper() + text[1:], tuple(readings), facts=facts)


CONTROL = Control(
    "gold-in-prompt",
    "PARALLAX: Separating Genuine Hallucination Detection from Benchmark Construction Artifacts, arXiv 2605.17028",
    measure_gold_in_prompt,
)
