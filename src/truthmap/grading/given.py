"""The rule that a program gives: a function of question and answer."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from types import CodeType
from typing import Any

from truthmap.errors import UsageError
from truthmap.files import digest_of
from truthmap.grading.rule import Pair, RuleKind
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Outcome, Question, Span

Verdict = bool | Outcome | str | None
"""Whether an answer is right; `None`: it cannot be graded."""
Grader = Callable[[Question, Answer], Verdict | tuple[Verdict, str]]
"""Says of an answer whether it is right, and where it likes which words of the answer's text are the exact answer."""

_EXPECTED = "expected True, False or None (cannot be graded), or a pair of that and the exact answer's text"


class GivenRule(RuleKind):
    """A function that a program gives decides."""

    name = GradingRule.GIVEN
    needs_grader = True
    may_find_span = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Ask the function about each answer; where there is none, as in a sealed detector, none is scored."""
        if graders.given is None:
            why = "whoever graded by this function is not here"
            return [RuleResult(Outcome.UNSCORED, str(self.name), why, has_reference=False) for _ in pairs]
        return [_result(graders.given, *pair) for pair in pairs]


def _result(grader: Grader, question: Question, answer: Answer) -> RuleResult:
    try:
        said = grader(question, answer)
    except Exception as error:
        raise UsageError(
            f"the grader fails at question {question.id!r} ({type(error).__name__}: {error}): it is called with a "
            "Question (its .text, .accepted) and an Answer (its .text)"
        ) from error
    verdict, exact = said if isinstance(said, tuple) and len(said) == 2 else (said, "")
    outcome = _outcome(verdict)
    if outcome is None or not isinstance(exact, str):
        raise UsageError(f"the grader says {said!r:.80} of question {question.id!r}; {_EXPECTED}")
    start = answer.text.find(exact) if exact else -1
    if exact and start < 0:
        raise UsageError(
            f"the grader says that {exact[:40]!r} is the exact answer of question {question.id!r}, which is no piece "
            f"of its answer {answer.text[:80]!r}"
        )
    span = Span(start, start + len(exact)) if exact else None
    return RuleResult(outcome, str(GradingRule.GIVEN), f"the grader says {outcome}", span)


def _outcome(verdict: Any) -> Outcome | None:
    """Return the outcome that a verdict stands for; a truth value of another library (numpy's) is one, too."""
    if verdict is None:
        return Outcome.UNSCORED
    if isinstance(verdict, str):
        return Outcome(verdict) if verdict in {str(outcome) for outcome in Outcome} else None
    if isinstance(verdict, bool) or type(verdict).__name__ in ("bool", "bool_"):
        return Outcome.RIGHT if verdict else Outcome.WRONG
    return None


def grader_digest(grader: Grader) -> str:
    """Return a name and digest of a grader: of its source, what it has closed over, and its own plain data."""
    name = getattr(grader, "__qualname__", type(grader).__qualname__)
    return f"{name} {digest_of(_told(grader))[:16]}"


def _told(value: Any) -> Any:
    """Return what is to be known of a value that a grader depends on, as plain data."""
    if isinstance(value, partial):
        return ["partial", _told(value.func), _told(value.args), _told(value.keywords)]
    if inspect.ismethod(value):
        return ["method", _told(value.__func__), _told(value.__self__)]
    if inspect.isfunction(value):
        closed = [cell.cell_contents for cell in value.__closure__ or ()]
        return ["function", _source(value), _told(value.__defaults__), _told(value.__kwdefaults__), _plain(closed)]
    if callable(value) and not isinstance(value, type):
        own = getattr(value, "__dict__", {})
        return ["object", _source(type(value)), _plain(sorted(own.items()))]
    return _plain(value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, dict):
        return [[_plain(name), _plain(item)] for name, item in sorted(value.items(), key=repr)]
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
    return type(value).__qualname__  # the text of other things may hold an address


def _source(thing: Any) -> str:
    """Return the source of a function or class; where there is none, a digest of what it was compiled to."""
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        code = getattr(thing, "__code__", None)
        return _compiled(code) if isinstance(code, CodeType) else repr(type(thing))


def _compiled(code: CodeType) -> str:
    digest = hashlib.sha256(code.co_code)
    for constant in code.co_consts:
        digest.update((_compiled(constant) if isinstance(constant, CodeType) else repr(constant)).encode())
    digest.update(" ".join(code.co_names).encode())
    return digest.hexdigest()
