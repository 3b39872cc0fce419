"""What a study makes of a question set: how it is asked, and what is not asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.questions.tasks import Example
from truthmap.study.stage_settings import load_question_set
from truthmap.study.study import Study

_ROWS = "question,answer\nWhere is Lima?,Peru\nWhere is Rome?,Italy\nWhere is Bonn?,Germany\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "q.csv"
    path.write_text(_ROWS)
    return str(path)


def test_the_task_asks_as_the_study_says(file: str) -> None:
    examples = [("Where is Oslo?", "Norway")]
    study = Study(questions=file, system_prompt="One word.", examples=examples, prompt_template="{text} Hm?")
    found = load_question_set(study)
    question = found.questions[0]
    assert found.task.chat(question) == "Where is Lima? Hm?"
    assert found.task.plain(question) == "One word.\n\nWhere is Oslo? Hm? Norway\n\nWhere is Lima? Hm?"
    assert found.task.examples == (Example("Where is Oslo?", "Norway"),)


def test_a_template_replaces_how_a_named_set_is_put() -> None:
    found = load_question_set(Study(questions="cities", limit=1, prompt_template="Tell: {text}"))
    question = found.questions[0]
    assert found.task.chat(question) == found.task.plain(question) == f"Tell: {question.text}"


def test_what_is_shown_as_an_example_is_not_asked(file: str) -> None:
    said: list[str] = []
    found = load_question_set(Study(questions=file, examples=[(" where is  LIMA?", "Peru")]), said.append)
    assert [question.text for question in found.questions] == ["Where is Rome?", "Where is Bonn?"]
    assert said == ["left out 1 of 3 questions: they are among the examples"]


def test_examples_that_are_all_the_questions_leave_nothing(file: str) -> None:
    with pytest.raises(NotEnoughDataError, match="holds no question that is not among the examples"):
        load_question_set(Study(questions=file, examples=file))


def test_a_template_without_the_context_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("question,answer,context\nWho?,Ann,Ann came.\n")
    with pytest.raises(UsageError, match=r"have a context, and --prompt-template leaves it out"):
        load_question_set(Study(questions=str(path), prompt_template="{text}"))
