"""Errors that hang on the subject: which words that is, and what an answer loses without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.planted import PlantedRun

from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.run import load_control, measure
from truthmap.analyses.controls.subject_removed import Bare, bare_answer, losses_behind, without_subjects
from truthmap.grading.token_spans import span_tokens
from truthmap.lm.load import load_model
from truthmap.lm.offsets import token_offsets
from truthmap.records import Answer, Message, Question, Span
from truthmap.runs.data import RunData
from truthmap.runs.run import Run


def asked(*texts: str, **more: object) -> list[str]:
    questions = [Question(f"q{n}", text, **more) for n, text in enumerate(texts)]
    return [bare.question.text for bare in without_subjects(questions).values()]


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (("In which country is the city of Bonn?", "In which country is the city of São Paulo?"),
         ["In which country is the city of?"] * 2),
        (("Who wrote Emma in English?", "Who wrote War and Peace in English?"), ["Who wrote in English?"] * 2),
        (("Which is larger, Ulm or Rome?", "Which is larger, Oslo or Bath?"), ["Which is larger, or?"] * 2),
        (("Where is Ulm", "Where is the sea"), []),  # two words in common do not show what they ask about
        (("Why?", "Who was it that came first?", "How long is a year?"), []),
        (("The capital of Peru is", "The capital of Chad is"), ["The capital of is"] * 2),
    ],
)  # fmt: skip
def test_the_subject_is_what_questions_do_not_share(texts: tuple[str, ...], left: list[str]) -> None:
    assert asked(*texts) == left


def test_a_question_of_shared_words_alone_has_no_subject() -> None:
    assert asked("Who wrote it first?", "Who wrote it first?", "Who wrote it before Ann?") == ["Who wrote it?"]


def test_only_the_text_changes_and_whole_prompts_stay() -> None:
    texts = ("What is the capital of Peru?", "What is the capital of Chad?")
    assert asked(*texts, prompt="<user>What is it?") == []
    turns = (Message("system", "Be brief."),)
    questions = [Question(text, text, ("Lima",), turns=turns) for text in texts]
    bare = without_subjects(questions)[texts[0]]
    assert bare == Bare(replace(questions[0], text="What is the capital of?"), frozenset({"peru"}))


def test_an_answer_loses_nothing_behind_the_same_prompt(finished: Run) -> None:
    context = ControlContext(RunData.load(finished))
    asked = {i: Bare(question, frozenset()) for i, question in context.data.questions_by_id.items()}
    same = losses_behind(asked, context)
    finding = measure(load_control("subject-removed"), context)
    context.close()
    assert set(same) == {row.question_id for row in context.tested.ids if context.data.grade_of(row).span is not None}
    assert np.allclose(list(same.values()), 0, atol=1e-4)
    assert "share too few words to tell what they ask about" in finding.says


def test_the_subject_goes_from_the_answers_beginning_too(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    text = "The city of Peru is France ."
    ids = tuple(lm.encode(text))
    offsets = tuple(token_offsets(lm.tokenizer, ids))
    answer = Answer("q", (1, 2), ids, text, (-1.0,) * len(ids), offsets, finished=False)
    span = Span(text.index("France"), text.index(" ."))
    bare = bare_answer(lm, (1, 2), answer, span, frozenset({"peru"}))
    assert bare is not None
    assert lm.decode(bare[0]).strip() == "The city of is France"
    assert lm.decode(bare[0][bare[1].start : bare[1].end]).strip() == "France"
    place = span_tokens(answer, span)
    assert place is not None
    assert bare_answer(lm, (1, 2), answer, span, frozenset({"chad"})) == (ids[: place.end], place)


def test_questions_without_a_common_form_say_so() -> None:
    run = PlantedRun(np.arange(40) % 2 > 0, {}, asked=[f"Thing {n} or {n}?" for n in range(40)])
    assert without_subjects(run.questions) == {}
