"""Questions of the user's own files: which columns, what makes a row a question, how it is graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from truthmap.questions.claims import claims_of
from truthmap.questions.readers import Row
from truthmap.questions.rule_choice import FEW_CANDIDATES, rule_for
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.questions.validation import BadRowError, IssueKind
from truthmap.questions.values import candidates_of, conversation_of, outcome_of, text_of, texts_of
from truthmap.records import Question
from truthmap.text import normalized

_PROMPT, _PLAIN = "{text}{options}", "Q: {text}{options}\nA:"
_CONTEXT_PROMPT, _CONTEXT_PLAIN = "{context}\n\n{text}{options}", "Context: {context}\nQ: {text}{options}\nA:"


def question_of(row: Row, columns: Mapping[str, str], right_at: float | None = None) -> Question:
    """Make a row of a user's file a question.

    Args:
        row: The row.
        columns: Field → column, as `resolve_columns` gives them.
        right_at: Where outcomes are scores, the one from which on an answer is right.

    Raises:
        BadRowError: the row makes no question; says in which column and why.
    """
    cells = {field: (row.values.get(column), column) for field, column in columns.items()}
    response = _text(cells, "response")
    if response is None and "response" in columns:
        raise BadRowError(columns["response"], IssueKind.EMPTY, "the ready answer is empty")
    claims = claims_of(*cells["claims"], response, right_at) if "claims" in cells else ()
    outcome = outcome_of(*cells["outcome"], right_at) if "outcome" in cells and not claims else None
    accepted = (*_texts(cells, "accepted"), *_texts(cells, "aliases"))
    if not accepted and outcome is None and not claims:
        column = columns.get("accepted") or columns["claims"]
        raise BadRowError(column, IssueKind.MISSING, "no accepted answer" if "accepted" in columns else "no claim")
    candidates = candidates_of(*cells["candidates"]) if "candidates" in cells else None
    if candidates is not None and "accepted" in cells:
        by_index = _is_whole(cells["accepted"][0]) and not _holds_numbers(cells["candidates"][0])
        accepted = chosen_options(accepted, candidates, by_index=by_index)
    if candidates is not None and not {normalized(a) for a in accepted} & {
        normalized(n) for names in candidates for n in names
    }:
        raise BadRowError(
            columns["candidates"],
            IssueKind.VALUE,
            "no accepted answer is among the candidates; write it as there, or its letter, or its index from 0",
        )
    said = conversation_of(*cells["question"])
    text = _text(cells, "question") if said is None else said[-1].content
    if text is None:
        raise BadRowError(columns["question"], IssueKind.EMPTY, "the question is empty")
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
        turns=() if said is None else said[:-1],
        prompt=_text(cells, "prompt"),
        claims=claims,
    )


def chosen_options(
    accepted: tuple[str, ...], candidates: tuple[tuple[str, ...], ...], *, by_index: bool = False
) -> tuple[str, ...]:
    """Return accepted answers, a letter or an index of an option replaced by the names of that option.

    A text that is an option stands for itself, unless `by_index`; else a letter counts from A, a whole number from 0.
    """
    names = {normalized(name) for option in candidates for name in option}
    found: list[str] = []
    for text in accepted:
        index = option_index(text)
        own = normalized(text) in names and not by_index
        found.extend((text,) if own or index is None or index >= len(candidates) else candidates[index])
    return tuple(dict.fromkeys(found))


def _is_whole(value: object) -> bool:
    """Return whether a cell is a whole number, as the answers of many files of choices are."""
    return isinstance(value, int) and not isinstance(value, bool)


def _holds_numbers(value: object) -> bool:
    """Return whether a cell is a list with numbers in it: then a number among the answers is one of them."""
    return isinstance(value, (list, tuple)) and any(isinstance(item, (int, float)) for item in value)


def option_index(text: str) -> int | None:
    """Return which option a letter or a whole number stands for, the first being 0; `None` if it is neither.

    >>> option_index("B"), option_index("(b)"), option_index("2"), option_index("Lima")
    (1, 1, 2, None)
    """
    plain = text.strip().strip("().[] ").upper()
    if len(plain) == 1 and "A" <= plain <= "Z":
        return ord(plain) - ord("A")
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= 2 else None


def row_id(row: Row) -> str:
    """Return the id of a row that has none: by its line, so distinct as it is."""
    return f"row-{row.line}"


# A rule that finds no exact answers of its own needs a model to find them.
_LOCATING = {GradingRule.ALIAS: Locating.MODEL, GradingRule.READY: Locating.MODEL}


class Tally:
    """What the questions of a file are like, all of them, whichever are taken.

    Attributes:
        rules: Grading rule → questions that it goes with.
        with_context: Questions with a context.
        with_options: Questions with candidates that are few enough to be a choice.
        with_exact_answer: Questions with a ready exact answer, or one for each claim.
    """

    def __init__(self) -> None:
        self.rules: Counter[GradingRule] = Counter()
        self.with_context = self.with_options = self.with_exact_answer = 0

    def note(self, questions: Iterable[Question]) -> Iterator[Question]:
        """Yield the questions and count them."""
        for question in questions:
            rule = rule_for(question)
            self.rules[rule] += 1
            self.with_context += question.context is not None
            self.with_options += question.candidates is not None and len(question.candidates) <= FEW_CANDIDATES
            self.with_exact_answer += question.exact_answer is not None or bool(question.claims)
            yield question


def user_file_task(tally: Tally) -> Task:
    """Choose how a user's questions are asked and graded, by what the whole file holds.

    One rule where the same goes with every question (see `rule_for`), else for each question its own.
    """
    grading = next(iter(tally.rules)) if len(tally.rules) == 1 else GradingRule.AUTO
    locating = _LOCATING.get(grading, Locating.RULE)
    chat, plain = (_CONTEXT_PROMPT, _CONTEXT_PLAIN) if tally.with_context else (_PROMPT, _PLAIN)
    options = "{options}" if tally.with_options else ""
    return Task(
        grading=grading,
        locating=Locating.COLUMN if tally.with_exact_answer else locating,
        chat_prompt=chat.replace("{options}", options),
        plain_prompt=plain.replace("{options}\nA:", options + ("\nAnswer:" if options else "\nA:")),
    )


_Cells = Mapping[str, tuple[object, str]]


def _text(cells: _Cells, field: str) -> str | None:
    return text_of(*cells[field]) if field in cells else None


def _texts(cells: _Cells, field: str) -> tuple[str, ...]:
    return texts_of(*cells[field]) if field in cells else ()
