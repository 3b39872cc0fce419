"""Who grades the same answers a second time: another rule, or a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from truthmap.errors import UsageError
from truthmap.grading.kinds import LOCATINGS, RULES
from truthmap.grading.resolve_task import default_locating
from truthmap.grading.text_model import SAME, EndpointTextModel
from truthmap.lm.builtin import BUILTIN
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question


@dataclass(frozen=True, slots=True)
class SecondGrader:
    """A second grader.

    Attributes:
        name: As the settings name it.
        task: How it grades and locates.
        judge: The model that judges; `None` where a rule decides.
    """

    name: str
    task: Task
    judge: str | None = None


def second_grader(name: str, first: Task, questions: Sequence[Question], judge: str | None) -> SecondGrader:
    """Return the second grader that is named: a rule, or a model that judges (`same`, a model, `http://host/v1#model`).

    Args:
        name: Names it.
        first: How the answers are graded the first time.
        questions: What is graded.
        judge: The judge of the settings, for the rule `judge`.

    Raises:
        UsageError: there is no such rule or model, the rule is the one that grades already, or it cannot grade these
            questions.
    """
    if RULES[first.grading].takes_outcomes and any(question.claims for question in questions):
        raise UsageError(
            f"--second-grading {name}: claims of these answers came with their outcomes, and no grader finds them again"
        )
    if name not in RULES:
        _check_judge(name)
        return SecondGrader(name, _graded_by(first, GradingRule.JUDGE), name)
    rule = RULES[name]
    if rule.needs_judge and judge is None:
        raise UsageError(f"--second-grading {name} needs a model that judges: name it instead, or with --judge")
    if rule.needs_grader:
        raise UsageError(f"--second-grading {name}: a function can only grade first; name {_others(first)} or a judge")
    if rule.name == first.grading:
        raise UsageError(
            f"--second-grading {name} is the rule that grades already: name another rule ({_others(first)}) or a judge"
        )
    if rule.needs_candidates and any(not question.candidates for question in questions):
        raise UsageError(
            f"--second-grading {name} needs candidates, which these questions have not; name another rule or a judge"
        )
    return SecondGrader(name, _graded_by(first, rule.name), judge if rule.needs_judge else None)


def _graded_by(first: Task, rule: GradingRule) -> Task:
    """Return the task with another rule; exact answers are located without a model, for they do not count."""
    locating = default_locating(RULES[rule])
    return replace(first, grading=rule, locating=LOCATINGS[locating].stand_in or locating)


def _others(first: Task) -> str:
    return ", ".join(name for name, rule in RULES.items() if name != first.grading and not rule.needs_grader)


def _check_judge(name: str) -> None:
    """See that a name can be a model's, before anything is generated for it."""
    if "://" in name:
        EndpointTextModel.of(name)
    elif not (name == SAME or name in BUILTIN or "/" in name or Path(name).exists()):
        close = get_close_matches(name, [*map(str, RULES), SAME], n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise UsageError(
            f"--second-grading {name!r} is neither a rule ({', '.join(RULES)}) nor a judge (same, a built-in model, a "
            f"folder, a hub id such as org/model, or http://host/v1#model){hint}"
        )
