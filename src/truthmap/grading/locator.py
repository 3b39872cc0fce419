"""Locating the exact answer by a model that copies the shortest piece of the answer which answers the question.

The idea is the paper's (arXiv 2410.02707); unlike there, right and wrong answers go through it alike, and a copy counts
only if it stands in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from truthmap.answer_parts import final_text
from truthmap.grading.locating import LocatingKind
from truthmap.grading.mentions import repeats_question
from truthmap.grading.rule import Pair
from truthmap.grading.rule_result import RuleResult
from truthmap.grading.text_model import Graders, TextModel
from truthmap.questions.tasks import Locating
from truthmap.records import Answer, Question, Span
from truthmap.text import find_words, normalize, normalized

LONGEST_PIECE = 12
"""Words in a copied piece: a longer one is no exact answer."""
_LONGEST_ANSWER = 2000
_NONE = "NONE"
_TASK = (
    "Copy the shortest piece of the answer that by itself answers the question, letter by letter. "
    f"If no piece of it answers the question, write {_NONE}."
)
_EXAMPLES = (
    ("Which river flows through Vienna?", "Vienna, the capital of Austria, lies on the Danube.", "Danube"),
    (
        "Who played Maria in the film 'West Side Story'?",
        "In the 1961 film \"West Side Story\", Maria was played by Natalie Wood, whose songs Marni Nixon sang.",
        "Natalie Wood",
    ),
    ("When was the first Olympic marathon run?", "I am afraid that I cannot say anything about marathons.", _NONE),
    ("How many strings has a violin?", "A violin usually has four strings, tuned in fifths.", "four"),
)  # fmt: skip
_LABEL = re.compile(r"^\W*(?:(?:shortest )?piece|exact answer|short answer|answer|copy)\W*[:=]\s*", re.IGNORECASE)
_EDGES = " \t\"'“”‘’`*_.,;:!?()[]"


class ModelLocating(LocatingKind):
    """A model copies the shortest piece of the answer that carries it."""

    name = Locating.MODEL
    needs_locator = True
    stand_in = Locating.NAME

    def locate(self, pairs: Sequence[Pair], results: Sequence[RuleResult], graders: Graders) -> list[Span | None]:  # noqa: ARG002
        """Have the locator copy each answer's exact answer."""
        assert graders.locator is not None
        return extract(pairs, graders.locator)


def extract(pairs: Sequence[Pair], locator: TextModel) -> list[Span | None]:
    """Have a model copy each answer's exact answer; `None` where it finds none.

    A reply that is not in the answer as whole words, or longer than twelve words, is asked for again in other words: at
    most as often as there are prompts, three times. Where the piece stands in the answer several times, the first place
    counts that does not only repeat the question.
    """
    spans: list[Span | None] = [None] * len(pairs)
    open_indices = list(range(len(pairs)))
    for prompt in PROMPTS:
        if not open_indices:
            break
        replies = locator.ask([prompt(*pairs[index]) for index in open_indices])
        still_open = []
        for index, reply in zip(open_indices, replies, strict=True):
            question, answer = pairs[index]
            piece = read_piece(reply)
            if piece == _NONE:
                continue
            spans[index] = locate_piece(piece, answer.text, question.text)
            if spans[index] is None:
                still_open.append(index)
        open_indices = still_open
    return spans


def read_piece(reply: str) -> str:
    """Return the piece that a reply copies: its first line, without a label, quotation marks and marks at its edges."""
    line = next((line for line in final_text(reply).splitlines() if line.strip(_EDGES)), "")
    piece = _LABEL.sub("", line).strip(_EDGES)
    return _NONE if normalized(piece) in ("none", "no answer") else piece


def locate_piece(piece: str, text: str, question: str) -> Span | None:
    """Find where an answer says a piece as whole words, at first where it does not only repeat the question."""
    answered, wanted, asked = normalize(text), normalized(piece), normalized(question)
    if not wanted or len(wanted.split()) > LONGEST_PIECE:
        return None
    first = at = find_words(answered.text, wanted)
    while at >= 0 and repeats_question(answered.text, at, at + len(wanted), asked):
        at = find_words(answered.text, wanted, at + 1)
    start = first if at < 0 else at
    return None if start < 0 else Span(*answered.original(start, start + len(wanted)))


def _with_examples(question: Question, answer: Answer) -> str:
    shown = "\n\n".join(f"Question: {q}\nAnswer: {a}\nPiece: {piece}" for q, a, piece in _EXAMPLES)
    return f"{_TASK}\n\n{shown}\n\n{_case(question, answer)}\nPiece:"


def _without_examples(question: Question, answer: Answer) -> str:
    return f"{_case(question, answer)}\n\n{_TASK} Write nothing else."


def _one_example(question: Question, answer: Answer) -> str:
    asked, said, piece = _EXAMPLES[1]
    return f"Question: {asked}\nAnswer: {said}\nIn a few words: {piece}\n\n{_case(question, answer)}\nIn a few words:"


def _case(question: Question, answer: Answer) -> str:
    return f"Question: {question.text}\nAnswer: {answer.text.strip()[:_LONGEST_ANSWER]}"


PROMPTS = (_with_examples, _without_examples, _one_example)
