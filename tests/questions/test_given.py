"""Questions that a program gives, in every form that programs have them in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from truthmap.errors import QuestionsError
from truthmap.questions.given import GivenQuestions
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.records import Question

_ROWS = [{"question": "Where is Lima?", "answers": ["Peru", "PE"]}, {"question": "Where is Rome?", "answers": "Italy"}]
_FRAME = pd.DataFrame(
    {
        "question": ["Where is Lima?", "Where is Rome?"],
        "answers": [np.array(["Peru", "PE"]), "Italy"],
        "group": [pd.NA, None],
        "context": [float("nan"), pd.NaT],
    }
)
_PAIRS = [("Where is Lima?", ["Peru", "PE"]), ("Where is Rome?", "Italy")]
_QUESTIONS = [Question("row-1", "Where is Lima?", ("Peru", "PE")), Question("row-2", "Where is Rome?", ("Italy",))]


class Dataset:
    """As `datasets` has them: rows one after the other, and the names of the columns."""

    column_names = ("question", "answers")

    def __iter__(self) -> Any:
        return iter(_ROWS)


@pytest.mark.parametrize(
    "given",
    [_ROWS, _FRAME, _PAIRS, _QUESTIONS, Dataset(), iter(_ROWS)],
    ids=["rows", "frame", "pairs", "questions", "dataset", "iterator"],
)
def test_questions_come_in_every_usual_form(given: Any) -> None:
    found = GivenQuestions.of(given).load(QuestionSettings())
    assert [(q.text, q.accepted, q.context, q.group) for q in found.questions] == [
        ("Where is Lima?", ("Peru", "PE"), None, None),
        ("Where is Rome?", ("Italy",), None, None),
    ]


def test_a_number_in_a_frame_is_an_answer_and_an_id() -> None:
    frame = pd.DataFrame({"id": [7, 9], "question": ["2 + 2?", "1 + 1?"], "answer": np.array([4.0, 2.0])})
    found = GivenQuestions.of(frame).load(QuestionSettings())
    assert [(q.id, q.accepted) for q in found.questions] == [("7", ("4",)), ("9", ("2",))]
    assert str(found.task.grading) == "number"


def test_a_column_may_begin_in_a_later_row() -> None:
    found = GivenQuestions.of([_ROWS[1], {**_ROWS[0], "context": "Peru is a country."}]).load(QuestionSettings())
    assert [q.context for q in found.questions] == [None, "Peru is a country."]


def test_a_whole_set_stays_as_it_is() -> None:
    whole = load_questions("cities")
    given = GivenQuestions.of(whole)
    assert given.load(QuestionSettings()) is whole
    assert given.digest == whole.digest
    assert (
        given.load(QuestionSettings(limit=5)).questions == load_questions("cities", QuestionSettings(limit=5)).questions
    )


def test_the_digest_says_which_questions_they_are() -> None:
    digests = {GivenQuestions.of(given).digest for given in (_ROWS, _ROWS[::-1], _ROWS[:1], _PAIRS)}
    assert len(digests) == 4
    assert GivenQuestions.of(list(_ROWS)).digest == GivenQuestions.of(iter(_ROWS)).digest


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "the questions that were given are none"),
        ({"train": [1], "test": [2]}, r"got a mapping \(train, test\): choose one of its parts"),
        (7, "got int"),
        ([_ROWS[0], _QUESTIONS[1]], "some of the questions that were given are a Question, some are not"),
        ([_ROWS[0], 3], "question 2 is int"),
        ([_QUESTIONS[0], _QUESTIONS[0]], "the id 'row-1' comes twice"),
    ],
)
def test_what_makes_no_questions_is_named(given: Any, said: str) -> None:
    with pytest.raises(QuestionsError, match=said):
        GivenQuestions.of(given).load(QuestionSettings())


def test_a_bad_row_is_named_by_its_number() -> None:
    given = GivenQuestions.of([*_ROWS, {"question": "", "answers": "x"}])
    with pytest.raises(QuestionsError, match=r"1 of 3 rows make no question .* line 3, column question"):
        given.load(QuestionSettings())
    assert len(given.load(QuestionSettings(skip_bad=True)).questions) == 2
