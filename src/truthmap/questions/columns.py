"""Which column of a file holds what: named by the user, or found by its conventional name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, ClassVar

from pydantic import Field

from truthmap.errors import QuestionsError
from truthmap.settings_base import Later, Option, Section, marker


class Columns(Section):
    """Names of columns; a field left `None` is looked for under its conventional names."""

    title: ClassVar[str] = "Columns of an own file (by default those with the usual names)"

    id: Annotated[str | None, Option("id_column")] = Field(
        None, description="Column with an id that no two questions share"
    )
    question: Annotated[str | None, Option("question_column")] = Field(None, description="Column with the question")
    accepted: Annotated[str | None, Option("accepted_column")] = Field(
        None, description="Column with the accepted answer, or a list of them"
    )
    aliases: Annotated[str | None, Option("aliases_column")] = Field(
        None, description="Column with further accepted answers"
    )
    candidates: Annotated[str | None, Option("candidates_column")] = Field(
        None, description="Column with everything that an answer could name"
    )
    context: Annotated[str | None, Option("context_column")] = Field(
        None, description="Column with a text given along with the question"
    )
    group: Annotated[str | None, Option("group_column")] = Field(
        None, description="Column with what keeps questions in one part of the split"
    )
    response: Annotated[str | None, Option("response_column")] = Field(
        None, description="Column with a ready answer: nothing is generated"
    )
    outcome: Annotated[str | None, Option("outcome_column")] = Field(
        None, description="Column with a ready outcome (right, wrong): nothing is graded"
    )
    exact_answer: Annotated[str | None, Option("exact_answer_column")] = Field(
        None, description="Column with the exact answer, a piece of the ready answer"
    )
    claims: Annotated[str | None, Option("claims_column"), Later()] = Field(
        None, description="Column with the claims of the ready answer: a list of pieces of it, each with its outcome"
    )
    prompt: Annotated[str | None, Option("prompt_column"), Later()] = Field(
        None, description="Column with the whole prompt as it was sent; it is put to the model as it is"
    )
    right_at: Annotated[float | None, Later()] = Field(
        None, allow_inf_nan=False, description="Outcomes are scores: from this one on an answer is right"
    )


CONVENTIONAL: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "question_id", "qid"),
    "question": ("question", "text", "prompt", "query", "messages"),
    "accepted": ("accepted", "answer", "answers", "correct_answer", "gold", "label", "target"),
    "aliases": ("aliases", "alias"),
    "candidates": ("candidates", "choices", "options"),
    "context": ("context", "passage"),
    "group": ("group",),
    "response": ("response", "model_answer", "generated_answer", "completion"),
    "outcome": ("outcome", "correct", "is_correct"),
    "exact_answer": ("exact_answer",),
    "claims": ("claims",),
    "prompt": ("whole_prompt",),
}
"""Names that a column goes by when none is named; upper and lower case are the same."""


_LOOKED_AT = 1000
"""Columns among which one that is like a wrong name is looked for."""
MOST_COLUMNS = 10_000
"""Columns of a file."""


def require_distinct(names: Sequence[str], source: str) -> None:
    """See that a table has not too many columns, and none of them twice.

    Raises:
        QuestionsError: it has; one of two columns of a name would be taken without a word.
    """
    if len(names) > MOST_COLUMNS:
        raise QuestionsError(
            f"{source} has {len(names):,} columns, at most {MOST_COLUMNS:,} are read: keep those with the questions"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise QuestionsError(f"{source} has the column {twice[0]!r} more than once; rename one of them")


def resolve_columns(columns: Columns, available: Collection[str], source: str) -> dict[str, str]:
    """Return the column of each field that has one.

    Raises:
        QuestionsError: a named column is missing, or there is none for the question, or neither accepted answers nor a
            ready outcome nor claims.
    """
    by_lower: dict[str, list[str]] = {}
    for name in available:
        by_lower.setdefault(name.casefold(), []).append(name)
    found: dict[str, str] = {}
    for field, conventional in CONVENTIONAL.items():
        named = getattr(columns, field)
        if named is not None:
            if named not in available:
                raise QuestionsError(f"{source} has no column {named!r}{_hint(named, available)}; {_listed(available)}")
            found[field] = named
        else:
            names = next((by_lower[name] for name in conventional if name in by_lower), [])
            if len(names) > 1:
                option = _option_of(field)
                raise QuestionsError(
                    f"{source} has the columns {' and '.join(map(repr, names))}: say which with {option}"
                )
            found.update((field, name) for name in names)
    if "question" not in found:
        raise QuestionsError(
            f"{source} has no column for the question (question, text, prompt, query or messages); "
            f"{_listed(available)}; name it with --question-column"
        )
    for field in ("exact_answer", "claims"):  # of an answer that is still to be given there are none
        if field in found and "response" not in found and getattr(columns, field) is None:
            del found[field]
    if not {"accepted", "outcome", "claims"} & set(found):
        raise QuestionsError(
            f"{source} has no column for the accepted answers (accepted, answer, …) and none for a ready outcome; "
            f"{_listed(available)}; name one with --accepted-column, --outcome-column or --claims-column"
        )
    return found


def _option_of(field: str) -> str:
    option = marker(Columns.model_fields[field], Option)
    return "--" + (field if option is None else option.name).replace("_", "-")


def _hint(named: str, available: Collection[str]) -> str:
    close = get_close_matches(named, list(available)[:_LOOKED_AT], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _listed(available: Collection[str]) -> str:
    shown = ", ".join(list(available)[:20])
    return f"its columns are {shown}{', …' if len(available) > 20 else ''}"
