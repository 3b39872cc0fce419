"""Grading by a judge: a model reads question, accepted answers and answer, and says whether they agree."""

from __future__ import annotations

import re
from collections.abc import Sequence

from truthmap.grading.aliases import by_alias
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, without_reference
from truthmap.grading.text_model import Graders, TextModel
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Outcome, Question

RULE = str(GradingRule.JUDGE)

TRIES = 2
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
            assert graders.judge is not None
            judged = by_judge([pairs[index] for index in compared], graders.judge, typos=task.typos)
            for index, result in zip(compared, judged, strict=True):
                results[index] = result
        return results


def by_judge(pairs: Sequence[Pair], judge: TextModel, *, typos: bool = False) -> list[RuleResult]:
    """Grade answers: right where they contain an accepted answer, wrong where they decline, else by the judge.

    A reply that says neither right nor wrong is asked for once more; then the answer is unscored, never wrong.
    """
    results = grade_each(
        pairs, GradingRule.ALIAS, lambda question, _, reading: by_alias(question, reading, typos=typos)
    )
    indices = [p for p, v in enumerate(results) if v.outcome is Outcome.WRONG and not v.refusal]
    replies: dict[int, str] = {}
    for _ in range(TRIES if indices else 0):
        asked = [index for index in indices if read_reply(replies.get(index, "")) is None]
        if not asked:
            break
        replies.update(zip(asked, judge.ask([_prompt(*pairs[p], again=bool(replies)) for p in asked]), strict=True))
    for index in indices:
        results[index] = _result(replies[index])
    return results


def read_reply(reply: str) -> Outcome | None:
    """Read a judge's reply: what its first line that decides says first; `None` if it says neither."""
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


def _result(reply: str) -> RuleResult:
    outcome = read_reply(reply)
    if outcome is None:
        return RuleResult(Outcome.UNSCORED, RULE, "the judge's reply is unreadable")
    return RuleResult(outcome, RULE, f"the judge says {reply.strip()[:_SHOWN_REPLY]!r}")


def _prompt(question: Question, answer: Answer, *, again: bool) -> str:
    shown = "\n\n".join(_case(*example[:3]) + f" {example[3]}" for example in _EXAMPLES)
    own = _case(question.text, "; ".join(question.accepted), answer.text.strip()[:_LONGEST_ANSWER])
    if again:
        return f"{own}\n\n{_TASK}"
    return f"{_TASK}\n\n{shown}\n\n{own}"


def _case(question: str, accepted: str, answer: str) -> str:
    return f"Question: {question}\nAccepted: {accepted}\nAnswer: {answer}\nVerdict:"
