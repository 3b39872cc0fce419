"""The exact answer as the original study finds it: a right answer's is where the gold string stands."""

from __future__ import annotations

from dataclasses import replace

from truthmap.records import Answer, Grade, Outcome, Question, Span
from truthmap.text import find_words, normalize, normalized


def at_gold(question: Question, answer: Answer, grade: Grade) -> Grade:
    """Put the exact answer of a right answer where an accepted answer first stands; other grades stay as they are.

    The place then depends on the outcome, which can leak it: that is what the protocol does, and why truthmap's own
    locates right and wrong answers by one rule.
    """
    if grade.outcome is not Outcome.RIGHT:
        return grade
    text = normalize(answer.text)
    for gold in question.accepted:
        phrase = normalized(gold)
        start = find_words(text.text, phrase)
        if start >= 0:
            span = Span(*text.original(start, start + len(phrase)))
            return replace(grade, span=span, exact_answer=answer.text[span.start : span.end])
    return grade
