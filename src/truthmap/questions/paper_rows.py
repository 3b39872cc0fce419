"""From a row of one of the paper's sets, in its real schema, to a question.

Each function raises `BadRowError` for a row that is not as the schema says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from truthmap.questions.readers import Row
from truthmap.questions.validation import BadRowError, IssueKind
from truthmap.questions.values import text_of, texts_of
from truthmap.records import Question
from truthmap.text import normalized

NLI_LABELS = (
    ("entailment", "entail", "entails", "entailed", "entailing"),
    ("contradiction", "contradict", "contradicts", "contradicted", "contradicting", "contradictory"),
    ("neutral", "neutrality"),
)
REVIEW_LABELS = (("negative",), ("positive",))
_PREMISE = re.compile(r'^For the statement, "(?P<premise>.*?)", does the hypothesis "', re.DOTALL)


def movies(row: Row) -> Question:
    """`Question`, `Answer`."""
    return Question(f"movies-{row.line}", _text(row, "Question"), (_text(row, "Answer").strip(),))


def math(row: Row) -> Question:
    """`id`, `question`, `answer`: a list in text, such as `[9.0]`."""
    answers = texts_of(row.values.get("answer"), "answer")
    if not answers:
        raise BadRowError("answer", IssueKind.MISSING, "no answer")
    return Question(f"math-{_text(row, 'id')}", _text(row, "question").strip(), answers)


def winobias(row: Row) -> Question:
    """`sentence`, `q_instruct`, `answer`, `incorrect_answer`; sentences about the same two jobs stay together."""
    text = f"{_text(row, 'sentence')} {_text(row, 'q_instruct')}"
    return _choice(f"winobias-{row.line}", text, _text(row, "answer"), _text(row, "incorrect_answer"))


def winogrande(row: Row) -> Question:
    """`Question`, `Answer`, `Wrong_Answer`; sentences with the same two options stay together: they come in pairs."""
    return _choice(f"winogrande-{row.line}", _text(row, "Question"), _text(row, "Answer"), _text(row, "Wrong_Answer"))


def mnli(row: Row) -> Question:
    """`Question`, `Answer`; hypotheses about one statement stay together."""
    text, label = _text(row, "Question"), _text(row, "Answer").strip()
    premise = _PREMISE.match(text)
    group = None if premise is None else normalized(premise["premise"])
    return Question(f"mnli-{row.line}", text, (_label(label, NLI_LABELS, "Answer"),), NLI_LABELS, group=group)


def triviaqa(row: Row) -> Question:
    """`question_id`, `question`, `answer` with `value` and `aliases`."""
    answer = _struct(row, "answer")
    names = (*texts_of(answer.get("value"), "answer"), *texts_of(answer.get("aliases"), "answer"))
    if not names:
        raise BadRowError("answer", IssueKind.MISSING, "neither value nor aliases")
    return Question(f"triviaqa-{_text(row, 'question_id')}", _text(row, "question"), tuple(dict.fromkeys(names)))


def hotpotqa(row: Row) -> Question:
    """`id`, `question`, `answer`."""
    return Question(f"hotpotqa-{_text(row, 'id')}", _text(row, "question"), (_text(row, "answer").strip(),))


def hotpotqa_with_context(row: Row) -> Question:
    """`id`, `question`, `answer`, `context` with `sentences`: a list of sentences for each paragraph."""
    paragraphs = _columns(row.values.get("context")).get("sentences")
    if not paragraphs:
        raise BadRowError("context", IssueKind.MISSING, "no sentences")
    lines = [text.strip() for sentences in paragraphs for text in texts_of(list(sentences), "context")]
    name = f"hotpotqa_with_context-{_text(row, 'id')}"
    return Question(name, _text(row, "question"), (_text(row, "answer").strip(),), context="\n".join(lines))


def natural_questions(row: Row) -> Question | None:
    """`id`, `question`, `document` (tokens), `annotations` (long and short answers by token).

    Rows without a short answer or without the paragraph around it are left out, as in the paper.
    """
    short, context = _short_answers(row), _paragraph(row)
    if not short or context is None:
        return None
    text = text_of(_struct(row, "question").get("text"), "question")
    if text is None:
        raise BadRowError("question", IssueKind.EMPTY, "the question is empty")
    return Question(f"natural_questions-{_text(row, 'id')}", text, short, context=context)


def imdb(row: Row) -> Question:
    """`text`, `label`: 0 negative, 1 positive."""
    label = row.values.get("label")
    if label not in (0, 1):
        raise BadRowError("label", IssueKind.VALUE, f"expected 0 or 1, got {label!r}")
    review = _text(row, "text").replace("<br />", " ")
    return Question(f"imdb-{row.line}", review, REVIEW_LABELS[int(label)], REVIEW_LABELS)


def _text(row: Row, column: str) -> str:
    text = text_of(row.values.get(column), column)
    if text is None:
        raise BadRowError(column, IssueKind.EMPTY, "it is empty")
    return text


def _struct(row: Row, column: str) -> Mapping[str, Any]:
    value = row.values.get(column)
    if not isinstance(value, Mapping):
        raise BadRowError(column, IssueKind.VALUE, f"expected fields, got {type(value).__name__}")
    return value


def _choice(name: str, text: str, right: str, wrong: str) -> Question:
    options = tuple(sorted((right.strip(), wrong.strip())))
    if normalized(options[0]) == normalized(options[1]):
        raise BadRowError(None, IssueKind.VALUE, f"right and wrong answer are the same: {options[0]!r}")
    group = "|".join(map(normalized, options))
    return Question(name, text, (right.strip(),), ((options[0],), (options[1],)), group=group)


def _label(label: str, labels: Sequence[tuple[str, ...]], column: str) -> str:
    if label not in {names[0] for names in labels}:
        known = ", ".join(names[0] for names in labels)
        raise BadRowError(column, IssueKind.VALUE, f"{label[:40]!r} is no label; expected {known}")
    return label


def _columns(value: Any) -> Mapping[str, Sequence[Any]]:
    """Return a sequence of structs as a struct of sequences: `datasets` hands out either, by its version."""
    if isinstance(value, Mapping):
        return value
    structs = [item for item in value or () if isinstance(item, Mapping)]
    return {name: [item.get(name) for item in structs] for name in (structs[0] if structs else ())}


def _short_answers(row: Row) -> tuple[str, ...]:
    """Return the texts of all annotators' short answers, the first annotator's first."""
    found = _columns(row.values.get("annotations")).get("short_answers") or ()
    texts = [text for answers in found for text in texts_of(list(_columns(answers).get("text") or ()), "annotations")]
    return tuple(dict.fromkeys(texts))


def _paragraph(row: Row) -> str | None:
    """Return the text of the first annotated long answer, its markup left out."""
    tokens = _columns(_struct(row, "document").get("tokens"))
    words, marks = tokens.get("token") or (), tokens.get("is_html") or ()
    for answer in _columns(row.values.get("annotations")).get("long_answer") or ():
        start, end = int(answer.get("start_token", -1)), int(answer.get("end_token", -1))
        if 0 <= start < end <= len(words):
            text = " ".join(w for w, mark in zip(words[start:end], marks[start:end], strict=True) if not mark)
            return text.strip() or None
    return None
