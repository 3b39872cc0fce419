"""Errors that hang on the subject: which words that is, and what an answer loses without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.planted import PlantedRun

from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.run import load_control, measure
from truthmap.analyses.controls.subject_removed import losses_behind, without_subjects
from truthmap.records import Message, Question
from truthmap.runs.data import RunData
from truthmap.runs.run import Run


def asked(*texts: str, **more: object) -> list[str]:
    questions = [Question(f"q{n}", text, **more) for n, text in enumerate(texts)]
    return [question.text for question in without_subjects(questions).values()]


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
    assert without_subjects(questions)[texts[0]] == replace(questions[0], text="What is the capital of?")


def test_an_answer_loses_nothing_behind_the_same_prompt(finished: Run) -> None:
    context = ControlContext(RunData.load(finished))
    same = losses_behind(context.data.questions_by_id, context)
    finding = measure(load_control("subject-removed"), context)
    context.close()
    assert set(same) == {row.question_id for row in context.tested.ids if context.data.grade_of(row).span is not None}
    assert np.allclose(list(same.values()), 0, atol=1e-4)
    assert "share too few words to tell what they ask about" in finding.says


def test_questions_without_a_common_form_say_so() -> None:
    run = PlantedRun(np.arange(40) % 2 > 0, {}, asked=[f"Thing {n} or {n}?" for n in range(40)])
    assert without_subjects(run.questions) == {}
