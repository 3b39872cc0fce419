"""The scores that come free with an answer: log-probabilities of its tokens, and of its exact answer's, summed up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from truthmap.answer_parts import final_answer, in_final
from truthmap.grading.token_spans import span_tokens
from truthmap.metrics.token_scores import token_scores
from truthmap.records import Answer, Grade, RowKey, Span


def exact_tokens(
    rows: Iterable[RowKey], answers: Mapping[RowKey, Answer], grades: Mapping[RowKey, Grade]
) -> dict[RowKey, Span]:
    """Return the tokens of each row's exact answer among those of its final part, where one was found.

    Args:
        rows: Keys of claims.
        answers: Answers by their own keys.
        grades: Grades by row.
    """
    found = {}
    for row in rows:
        answer = answers[row.answer]
        span = in_final(answer, grades[row].span)
        tokens = None if span is None else span_tokens(final_answer(answer), span)
        if tokens is not None:
            found[row] = tokens
    return found


def free_scores(
    rows: Iterable[RowKey], answers: Mapping[RowKey, Answer], grades: Mapping[RowKey, Grade]
) -> dict[str, dict[RowKey, float]]:
    """Return by name each score that comes free with an answer, by row, higher meaning surer.

    The mean, the sum, the worst and the last token's log-probability, of the whole final part and of the exact answer;
    of an answer without an exact answer that of the whole one stands in. NaN where an answer has no log-probabilities.
    What was thought before is as if it had been asked: a long thought would drown the few tokens that answer.

    Args:
        rows: Keys of claims.
        answers: Answers by their own keys.
        grades: Grades by row.
    """
    kept = tuple(rows)
    values = {row: final_answer(answers[row.answer]).log_probs for row in kept}
    exact = exact_tokens((row for row in kept if values[row]), answers, grades)
    return {each.name: each.filled for each in token_scores("log-prob", values, exact)}
