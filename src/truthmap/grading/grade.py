"""The grade of an answer: by one rule for right and wrong, with the evidence, and where the exact answer stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from truthmap.answer_parts import CUT_OFF_WHILE_THINKING, final_answer, in_whole, parted
from truthmap.errors import UsageError
from truthmap.grading.alias_mentions import find_alias, normalized_answer
from truthmap.grading.kinds import LOCATINGS, RULES
from truthmap.grading.locating import LocatingKind
from truthmap.grading.rule import Pair, RuleKind
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.structure import shown_answer
from truthmap.grading.text_model import NO_GRADERS, Graders
from truthmap.questions.tasks import Task
from truthmap.records import Answer, Grade, Outcome, Question, Span


def grade(question: Question, answer: Answer, task: Task, graders: Graders = NO_GRADERS) -> Grade:
    """Grade one answer by the task's rule and locate its exact answer.

    Raises:
        UsageError: the rule needs candidates, a judge or a locator, and there is none.
    """
    return grade_many([(question, answer)], task, graders)[0]


def grade_many(pairs: Sequence[Pair], task: Task, graders: Graders = NO_GRADERS) -> list[Grade]:
    """Grade many answers, in their order; a judge or locator is asked about many at once.

    Only the final part of an answer that thinks is read; one that was cut off while it thinks is unscored.
    The exact answer is located by one rule for right and wrong answers (unless the task says `gold`, the paper's way).
    An answer that is unscored or declines to answer has none; but where there is nothing to grade by (no accepted
    answers, no outcome that came), so that answers cannot be scored, they are located all the same.

    Raises:
        UsageError: as in `grade`.
    """
    rule, locating = RULES[task.grading], LOCATINGS[task.locating]
    for question, _ in pairs:
        _require(question, rule, locating, graders)
    whole = [parted(answer) for _, answer in pairs]
    pairs = [
        (question, shown_answer(_gradable(answer), task.answer_key))
        for (question, _), answer in zip(pairs, whole, strict=True)
    ]
    results = _results(pairs, rule, task, graders)
    own = {index: result.span for index, result in enumerate(results) if rule.may_find_span and result.span}
    located = [index for index, result in enumerate(results) if _is_located(result) and index not in own]
    found = locating.locate([pairs[index] for index in located], [results[index] for index in located], graders)
    spans: list[Span | None] = [own.get(index) for index in range(len(pairs))]
    for index, span in zip(located, found, strict=True):
        spans[index] = span
    return [
        _grade(pair, result, span, answer)
        for pair, result, span, answer in zip(pairs, results, spans, whole, strict=True)
    ]


def agrees_with_accepted(question: Question, grade: Grade) -> bool:
    """Return whether a grade's exact answer says an accepted answer: in its words, or by the rule's canonical form."""
    if find_alias(grade.exact_answer, "", question.accepted) is not None:
        return True
    rule = RULES.get(grade.rule)
    return rule is not None and rule.agrees(question, grade)


def _require(question: Question, rule: RuleKind, locating: LocatingKind, graders: Graders) -> None:
    if rule.needs_candidates and not rule.offers_candidates(question):
        raise UsageError(
            f"grading by {rule.name} needs candidates, but question {question.id!r} has none; "
            "choose another grading rule"
        )
    if rule.needs_judge and graders.judge is None and question.accepted:
        raise UsageError(f"grading by {rule.name} needs a model that judges: name one (judge), or choose grading alias")
    if locating.needs_locator and graders.locator is None:
        raise UsageError(f"locating by {locating.name} needs a model that locates: name one (locator)")
    if locating.needs_rule_span and not rule.finds_span:
        raise UsageError(
            f"the rule {rule.name} finds no exact answers of its own; "
            f"choose locating name, model or column instead of {locating.name}"
        )


def _results(pairs: Sequence[Pair], rule: RuleKind, task: Task, graders: Graders) -> list[RuleResult]:
    """Return what the rule says of each answer; one that is not there or says nothing is unscored."""
    results: list[RuleResult | None] = [_nothing_said(answer, rule) for _, answer in pairs]
    said = [index for index, result in enumerate(results) if result is None]
    graded = dict(zip(said, rule.grade([pairs[index] for index in said], task, graders), strict=True))
    return [graded[index] if result is None else result for index, result in enumerate(results)]


def _nothing_said(answer: Answer, rule: RuleKind) -> RuleResult | None:
    if answer.fault is None and answer.text.strip():
        return None
    return RuleResult(Outcome.UNSCORED, str(rule.name), answer.fault or "the answer is empty")


def _is_located(result: RuleResult) -> bool:
    return not result.refusal and (result.outcome is not Outcome.UNSCORED or not result.has_reference)


def _gradable(answer: Answer) -> Answer:
    """Return the final part of an answer; with a fault where it was cut off while it thinks."""
    final = final_answer(answer)
    return replace(final, fault=final.fault or CUT_OFF_WHILE_THINKING) if answer.is_cut_while_thinking else final


def _grade(pair: Pair, result: RuleResult, span: Span | None, whole: Answer) -> Grade:
    """Put the grade together; the span goes from characters of the final part to those of the whole answer."""
    question, answer = pair
    exact = "" if span is None else answer.text[span.start : span.end]
    return Grade(
        question.id,
        result.outcome,
        result.rule,
        None if span is None else in_whole(whole, span),
        exact,
        "" if span is None else _canonical(result, span, exact),
        result.why,
        result.refusal,
        answer.sample,
        judgement=result.judgement,
    )


def _canonical(result: RuleResult, span: Span, exact: str) -> str:
    """Return what the exact answer stands for in one spelling, whichever answers are accepted.

    What the rule itself found has the rule's spelling (the candidate's usual name, the number). A free span is
    normalized, its articles and punctuation dropped.
    """
    return RULES[result.rule].canonical(result, span) or normalized_answer(exact)
