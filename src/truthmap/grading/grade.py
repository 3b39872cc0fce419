"""The verdict on an answer: one rule for right and wrong, with the evidence, and where the exact answer stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from truthmap.errors import UsageError
from truthmap.grading.aliases import by_alias, find_alias, normalised
from truthmap.grading.asking import Graders
from truthmap.grading.candidates import by_candidates
from truthmap.grading.choices import by_choice
from truthmap.grading.final_number import by_number
from truthmap.grading.judge import by_judge
from truthmap.grading.locator import extract
from truthmap.grading.names import find_name
from truthmap.grading.numbers import find_numbers, written_value
from truthmap.grading.rule_result import RuleResult
from truthmap.questions.tasks import GradingRule, Locating, Task, default_locating
from truthmap.records import Answer, Grade, Outcome, Question, Span
from truthmap.text import find_words, fold, folded

NO_GRADERS = Graders()
NOTHING_ACCEPTED = "the question has no accepted answers to compare with"
NOTHING_READY = "the question came without an outcome"

_Pair = tuple[Question, Answer]
_Spans = list[Span | None]


def grade(question: Question, answer: Answer, task: Task, helpers: Graders = NO_GRADERS) -> Grade:
    """Grade one answer by the task's rule and locate its exact answer.

    Raises:
        UsageError: the rule needs candidates, a judge or a locator, and there is none.
    """
    return grade_many([(question, answer)], task, helpers)[0]


def grade_many(pairs: Sequence[_Pair], task: Task, helpers: Graders = NO_GRADERS) -> list[Grade]:
    """Grade many answers, in their order; a judge or locator is asked about many at once.

    The exact answer is located by one rule for right and wrong answers (unless the task says `gold`, the study's way).
    An answer that is unscored or declines to answer has none; but where a question has no accepted answers, so that its
    answers cannot be scored, they are located all the same.

    Raises:
        UsageError: as in `grade`.
    """
    for question, _ in pairs:
        _require(question, task, helpers)
    verdicts = _verdicts(pairs, task, helpers)
    telling = [place for place, verdict in enumerate(verdicts) if _is_located(verdict)]
    located = _locate([pairs[place] for place in telling], [verdicts[place] for place in telling], task, helpers)
    spans: _Spans = [None] * len(pairs)
    for place, span in zip(telling, located, strict=True):
        spans[place] = span
    return [_grade(pair, verdict, span) for pair, verdict, span in zip(pairs, verdicts, spans, strict=True)]


def needs_judge(task: Task) -> bool:
    """Say whether the task's outcome is decided by a model."""
    return task.grading is GradingRule.JUDGE


def needs_locator(task: Task) -> bool:
    """Say whether the task's exact answers are located by a model."""
    return task.locating in (Locating.MODEL, Locating.GOLD)


def _require(question: Question, task: Task, helpers: Graders) -> None:
    rule = task.grading
    if rule in (GradingRule.CANDIDATES, GradingRule.CHOICE, GradingRule.LABEL) and not question.candidates:
        raise UsageError(
            f"grading by {rule} needs candidates, but question {question.id!r} has none; choose another grading rule"
        )
    if needs_judge(task) and helpers.judge is None and question.accepted:
        raise UsageError("grading by judge needs a model that judges: name one (judge), or choose grading alias")
    if needs_locator(task) and helpers.locator is None:
        raise UsageError(f"locating by {task.locating} needs a model that locates: name one (locator)")
    if task.locating is Locating.RULE and default_locating(rule) is not Locating.RULE:
        raise UsageError(
            f"the rule {rule} finds no exact answers of its own; choose locating name, model or column instead of rule"
        )


def _verdicts(pairs: Sequence[_Pair], task: Task, helpers: Graders) -> list[RuleResult]:
    verdicts = [_without_judge(question, answer, task) for question, answer in pairs]
    open_places = [place for place, verdict in enumerate(verdicts) if verdict is None]
    judged = dict(zip(open_places, by_judge([pairs[place] for place in open_places], helpers), strict=True))
    return [judged[place] if verdict is None else verdict for place, verdict in enumerate(verdicts)]


def _without_judge(question: Question, answer: Answer, task: Task) -> RuleResult | None:
    """Return the verdict on an answer; `None` where a judge must decide."""
    rule = task.grading
    if answer.fault is not None or not answer.text.strip():
        return RuleResult(Outcome.UNSCORED, str(rule), answer.fault or "the answer is empty")
    if rule is GradingRule.READY:
        outcome = question.outcome or Outcome.UNSCORED
        return RuleResult(
            outcome, str(rule), "the outcome came with the question" if question.outcome else NOTHING_READY
        )
    if question.accepted:
        return _by_rule(question, answer, task)
    found = None if rule is GradingRule.JUDGE else _by_rule(question, answer, task)
    if found is None:
        return RuleResult(Outcome.UNSCORED, str(rule), NOTHING_ACCEPTED)
    return found if found.refusal else replace(found, outcome=Outcome.UNSCORED, why=NOTHING_ACCEPTED)


def _is_located(verdict: RuleResult) -> bool:
    return not verdict.refusal and (
        verdict.outcome is not Outcome.UNSCORED or verdict.why in (NOTHING_ACCEPTED, NOTHING_READY)
    )


def _by_rule(question: Question, answer: Answer, task: Task) -> RuleResult | None:
    if task.grading is GradingRule.JUDGE:
        return None
    if task.grading is GradingRule.CANDIDATES:
        return by_candidates(question, answer.text, task.shadows)
    if task.grading is GradingRule.NUMBER:
        return by_number(question, answer)
    if task.grading is GradingRule.ALIAS:
        return by_alias(question, answer.text)
    return by_choice(question, answer.text, task.grading)


def _locate(pairs: Sequence[_Pair], verdicts: Sequence[RuleResult], task: Task, helpers: Graders) -> _Spans:
    if task.locating is Locating.RULE:
        return [verdict.span for verdict in verdicts]
    if task.locating is Locating.GOLD:
        return _by_gold(pairs, verdicts, helpers)
    if task.locating is Locating.MODEL:
        assert helpers.locator is not None
        return extract(pairs, helpers.locator)
    rules: Mapping[Locating, Callable[[Question, Answer], Span | None]] = {
        Locating.NAME: lambda question, answer: find_name(answer.text, question.text),
        Locating.COLUMN: lambda question, answer: find_piece(answer.text, question.exact_answer or ""),
    }
    return [rules[task.locating](question, answer) for question, answer in pairs]


def _by_gold(pairs: Sequence[_Pair], verdicts: Sequence[RuleResult], helpers: Graders) -> _Spans:
    """Locate the study's way: right answers by the gold string, wrong ones by a model. It leaks the label."""
    assert helpers.locator is not None
    spans: _Spans = [
        _gold_span(*pair) if v.outcome is Outcome.RIGHT else None for pair, v in zip(pairs, verdicts, strict=True)
    ]
    rest = [place for place, verdict in enumerate(verdicts) if spans[place] is None]
    for place, span in zip(rest, extract([pairs[place] for place in rest], helpers.locator), strict=True):
        spans[place] = span
    return spans


def _gold_span(question: Question, answer: Answer) -> Span | None:
    mention = find_alias(answer.text, question.text, question.accepted)
    return None if mention is None else mention.span


def find_piece(text: str, piece: str) -> Span | None:
    """Find a piece of an answer in it: to the letter, else with case, accents and blanks folded."""
    wanted = piece.strip()
    if not wanted:
        return None
    at = text.find(wanted)
    if at >= 0:
        return Span(at, at + len(wanted))
    answered, phrase = fold(text), folded(wanted)
    at = find_words(answered.text, phrase)
    return None if at < 0 else Span(*answered.original(at, at + len(phrase)))


def _grade(pair: _Pair, verdict: RuleResult, span: Span | None) -> Grade:
    question, answer = pair
    exact = "" if span is None else answer.text[span.start : span.end]
    return Grade(
        question.id,
        verdict.outcome,
        verdict.rule,
        span,
        exact,
        canonical_of(question, verdict, span, exact),
        verdict.why,
        verdict.refusal,
        answer.sample,
    )


def agrees_with_accepted(question: Question, grade: Grade) -> bool:
    """Say whether a grade's exact answer says an accepted answer: by the rule's own spelling of it, or by its words."""
    if find_alias(grade.exact_answer, "", question.accepted) is not None:
        return True
    if grade.rule == GradingRule.NUMBER:
        return any(written_value(number.value) == grade.canonical for number in find_numbers(grade.exact_answer))
    names = {folded(name) for name in question.accepted}
    return folded(grade.canonical) in names


def canonical_of(question: Question, verdict: RuleResult, span: Span | None, exact: str) -> str:
    """Return what the exact answer stands for in one spelling.

    What the rule itself found has the rule's spelling (the candidate's usual name, the number). A free span is folded,
    its articles and punctuation dropped; where it contains an accepted answer it means the first accepted answer.
    """
    if span is None:
        return ""
    if verdict.canonical and (span == verdict.span or verdict.rule == GradingRule.NUMBER):
        return verdict.canonical
    if find_alias(exact, "", question.accepted) is not None:
        return normalised(question.accepted[0])
    return normalised(exact)
