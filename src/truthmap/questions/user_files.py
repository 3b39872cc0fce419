"""Questions of the user's own files: which columns, what makes a row a question, how it is graded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from truthmap.questions.readers import Row
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.questions.validation import BadRowError, IssueKind
from truthmap.questions.values import candidates_of, outcome_of, text_of, texts_of
from truthmap.records import Question
from truthmap.text import normalized

FEW_CANDIDATES = 5
"""Up to so many candidates a question offers a choice; more are the names of everything an answer could be."""
_CONTEXT_PROMPT = "{context}\n\n{text}"
_CONTEXT_PLAIN = "Context: {context}\nQ: {text}\nA:"


def question_of(row: Row, columns: Mapping[str, str]) -> Question:
    """Make a row of a user's file a question.

    Args:
        row: The row.
        columns: Field → column, as `resolve_columns` gives them.

    Raises:
        BadRowError: the row makes no question; says in which column and why.
    """
    cells = {field: (row.values.get(column), column) for field, column in columns.items()}
    outcome = outcome_of(*cells["outcome"]) if "outcome" in cells else None
    accepted = (*_texts(cells, "accepted"), *_texts(cells, "aliases"))
    if not accepted and outcome is None:
        raise BadRowError(columns["accepted"], IssueKind.MISSING, "no accepted answer")
    candidates = candidates_of(*cells["candidates"]) if "candidates" in cells else None
    if candidates is not None and not {normalized(a) for a in accepted} & {
        normalized(n) for names in candidates for n in names
    }:
        raise BadRowError(columns["candidates"], IssueKind.VALUE, "no accepted answer is among the candidates")
    text = _text(cells, "question")
    if text is None:
        raise BadRowError(columns["question"], IssueKind.EMPTY, "the question is empty")
    response = _text(cells, "response")
    if response is None and "response" in columns:
        raise BadRowError(columns["response"], IssueKind.EMPTY, "the ready answer is empty")
    exact = _text(cells, "exact_answer")
    if exact is not None and response is not None and normalized(exact) not in normalized(response):
        raise BadRowError(columns["exact_answer"], IssueKind.VALUE, f"{exact[:40]!r} is no piece of the ready answer")
    return Question(
        id=_text(cells, "id") or row_id(row),
        text=text,
        accepted=tuple(dict.fromkeys(accepted)),
        candidates=candidates,
        context=_text(cells, "context"),
        group=_text(cells, "group"),
        answer=response,
        outcome=outcome,
        exact_answer=exact,
    )


def row_id(row: Row) -> str:
    """Return the id of a row that has none: by its line, so distinct as it is."""
    return f"row-{row.line}"


def user_file_task(questions: Sequence[Question]) -> Task:
    """Choose how a user's questions are graded, from the columns that they have.

    Ready outcomes are taken as they are; candidates make it a choice (up to five of them) or the rule of candidates;
    accepted answers that are all numbers make it the rule of numbers; else an answer is right if it contains one.
    """
    with_context = any(question.context is not None for question in questions)
    grading, locating = _way(questions)
    ready = any(question.exact_answer is not None for question in questions)
    return Task(
        grading=grading,
        locating=Locating.COLUMN if ready else locating,
        chat_prompt=_CONTEXT_PROMPT if with_context else "{text}",
        plain_prompt=_CONTEXT_PLAIN if with_context else "Q: {text}\nA:",
    )


def _way(questions: Sequence[Question]) -> tuple[GradingRule, Locating]:
    """Choose the rule, and how exact answers are found: a rule that finds none of its own needs a model."""
    if questions and all(question.outcome is not None for question in questions):
        return GradingRule.READY, Locating.MODEL
    if questions and all(question.candidates is not None for question in questions):
        few = all(len(question.candidates or ()) <= FEW_CANDIDATES for question in questions)
        return (GradingRule.CHOICE if few else GradingRule.CANDIDATES), Locating.RULE
    if questions and all(_is_number(text) for question in questions for text in question.accepted):
        return GradingRule.NUMBER, Locating.RULE
    return GradingRule.ALIAS, Locating.MODEL


_NUMBER = re.compile(r"\s*[-+]?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?\s*%?\s*")


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


_Cells = Mapping[str, tuple[object, str]]


def _text(cells: _Cells, field: str) -> str | None:
    return text_of(*cells[field]) if field in cells else None


def _texts(cells: _Cells, field: str) -> tuple[str, ...]:
    return texts_of(*cells[field]) if field in cells else ()
