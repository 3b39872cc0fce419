"""Grading by a judge: a model reads question, accepted answers and answer, and says whether they agree."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from truthmap.answer_parts import final_text
from truthmap.grading.aliases import by_alias
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, without_reference
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Judgement, Outcome, Question

RULE = str(GradingRule.JUDGE)

TRIES = 2
SCHEMA: Mapping[str, Any] = {
    "name": "verdict",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"verdict": {"type": "string", "enum": ["right", "wrong"]}},
        "required": ["verdict"],
        "additionalProperties": False,
    },
}
"""What a reply looks like where an endpoint can be told (`response_format`)."""
_LONGEST_ANSWER = 2000
_SHOWN_REPLY = 60
_TASK = (
    "Decide whether an answer to a question is right. It is right if it says the same as one of the accepted answers, "
    "in whatever words; more detail does no harm, another name, number or date does. Write only: right or wrong."
)
_EXAMPLES = (
    ("who wrote the opera the magic flute", "Wolfgang Amadeus Mozart", "It is by Mozart, of 1791.", "right"),
    ("how many moons does mars have", "two", "Mars has three moons, called Phobos and Deimos.", "wrong"),
    ("where does the rhine begin", "in the Swiss Alps", "The Rhine rises in Germany, in the Black Forest.", "wrong"),
    ("when did the berlin wall come down", "9 November 1989", "In the autumn of 1989, on November 9.", "right"),
)  # fmt: skip
_YES = r"right|correct|yes|true|1"
_NO = r"wrong|incorrect|no|false|0"
_KEYS = ("verdict", "correct", "is_correct", "right", "is_right", "outcome", "answer", "label", "grade", "judgement")
"""Under one of these names a reply in JSON says it, whichever way its model was asked."""
_REPLY = re.compile(rf"\b(?:(?P<denied>(?:not|n't|isn't)\s+(?:{_YES}))|(?P<no>{_NO})|(?P<yes>{_YES}))\b", re.IGNORECASE)


class JudgeRule(RuleKind):
    """A model reads question, accepted answers and answer, and decides."""

    name = GradingRule.JUDGE
    needs_judge = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:
        """Grade answers by the judge; it is not asked where there is no accepted answer to compare with."""
        compared = [index for index, (question, _) in enumerate(pairs) if question.accepted]
        results = [without_reference(RuleResult(Outcome.UNSCORED, RULE, ""))] * len(pairs)
        if compared:
            judged = by_judge([pairs[index] for index in compared], graders, typos=task.typos)
            for index, result in zip(compared, judged, strict=True):
                results[index] = result
        return results


def by_judge(pairs: Sequence[Pair], graders: Graders, *, typos: bool = False) -> list[RuleResult]:
    """Grade answers: right where they contain an accepted answer, wrong where they decline, else by the judge.

    A judge that is to be asked of all (`graders.judges_all`) decides about those that contain one, too, and about those
    that decline.
    """
    results = grade_each(
        pairs, GradingRule.ALIAS, lambda question, _, reading: by_alias(question, reading, typos=typos)
    )
    indices = [p for p, v in enumerate(results) if graders.judges_all or (v.outcome is Outcome.WRONG and not v.refusal)]
    for index, result in zip(indices, ask_judge([pairs[index] for index in indices], graders), strict=True):
        results[index] = result
    return results


def ask_judge(pairs: Sequence[Pair], graders: Graders) -> list[RuleResult]:
    """Have the judge decide about each answer; what it was asked and what it said is kept with the result.

    A reply that says neither right nor wrong is asked for once more; then the answer is unscored, never wrong.
    """
    assert graders.judge is not None
    prompts, replies = [""] * len(pairs), [""] * len(pairs)
    for turn in range(TRIES):
        asked = [n for n, reply in enumerate(replies) if read_reply(reply) is None]
        if not asked:
            break
        for n in asked:
            prompts[n] = _prompt(*pairs[n], again=turn > 0)
        for n, reply in zip(asked, graders.judge.ask([prompts[n] for n in asked]), strict=True):
            replies[n] = reply
    return [
        _result(Judgement(graders.judge_name, prompt, reply)) for prompt, reply in zip(prompts, replies, strict=True)
    ]


def read_reply(reply: str) -> Outcome | None:
    """Read a judge's reply: what its JSON says, or its first line that decides says first; `None` if it says neither.

    What the judge thinks before is not read.

    >>> read_reply('{"correct": false}'), read_reply("right"), read_reply("well")
    (<Outcome.WRONG: 'wrong'>, <Outcome.RIGHT: 'right'>, None)
    """
    reply = final_text(reply)
    structured = _read_object(reply)
    if structured is None:
        return _read_lines(reply)
    said = next((structured[key] for key in _KEYS if key in structured), None)
    if isinstance(said, bool):
        return Outcome.RIGHT if said else Outcome.WRONG
    return _read_lines(str(said)) if isinstance(said, (str, int)) else None


def _read_object(reply: str) -> Mapping[str, Any] | None:
    """Return the JSON object that a reply holds, its keys in lower case; `None` where it holds none."""
    start = reply.find("{")
    try:
        found = json.JSONDecoder().raw_decode(reply, start)[0] if start >= 0 else None
    except (ValueError, RecursionError):
        return None
    return {key.lower(): value for key, value in found.items()} if isinstance(found, dict) else None


def _read_lines(reply: str) -> Outcome | None:
    for line in reply.splitlines():
        said = {_said(match) for match in _REPLY.finditer(line)}
        if len(said) == 2 and re.search(r"\bor\b", line):
            continue  # it repeats the choice it was given
        match = _REPLY.search(line)
        if match is not None:
            return _said(match)
    return None


def _said(match: re.Match[str]) -> Outcome:
    return Outcome.RIGHT if match["yes"] is not None else Outcome.WRONG


def _result(judgement: Judgement) -> RuleResult:
    outcome = read_reply(judgement.reply)
    if outcome is None:
        return RuleResult(Outcome.UNSCORED, RULE, "the judge's reply is unreadable", judgement=judgement)
    why = f"the judge says {judgement.reply.strip()[:_SHOWN_REPLY]!r}"
    return RuleResult(outcome, RULE, why, judgement=judgement)


def _prompt(question: Question, answer: Answer, *, again: bool) -> str:
    shown = "\n\n".join(_case(*example[:3]) + f" {example[3]}" for example in _EXAMPLES)
    own = _case(question.text, "; ".join(question.accepted), answer.text.strip()[:_LONGEST_ANSWER])
    if again:
        return f"{own}\n\n{_TASK}"
    return f"{_TASK}\n\n{shown}\n\n{own}"


def _case(question: str, accepted: str, answer: str) -> str:
    return f"Question: {question}\nAccepted: {accepted}\nAnswer: {answer}\nVerdict:"
