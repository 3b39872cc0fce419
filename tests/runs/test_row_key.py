"""The key of a row: the question's id while an answer has one claim, and never ambiguous."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from truthmap.errors import QuestionsError
from truthmap.questions.question_set import question_set
from truthmap.questions.tasks import Task
from truthmap.records import SEPARATOR, Answer, Grade, Outcome, Question, RowKey
from truthmap.runs.tables import read_in_pieces, read_records, write_records

GRADE = Grade("q1", Outcome.RIGHT, "number", None, "", "", "")
HOSTILE = ["", " ", "0", "-1", "q\n1", "q|1", "a\x00b", "['q', 1]", "é\u2028", "\ud800", "q\x1f", "q\x1f1", "\x1f\x1f"]


@pytest.mark.parametrize("question_id", ["q1", *HOSTILE])
@pytest.mark.parametrize(("sample", "claim"), [(0, 0), (1, 0), (0, 1), (12, 345)])
def test_a_key_gives_back_what_it_was_made_of(question_id: str, sample: int, claim: int) -> None:
    key = RowKey.of(question_id, sample, claim)
    assert (key.question_id, key.sample, key.claim) == (question_id, sample, claim)
    assert key.answer == RowKey.of(question_id, sample)
    assert RowKey(str(key)) == key


def test_the_first_claim_of_the_greedy_answer_is_the_questions_id() -> None:
    assert RowKey.of("q1") == "q1"
    assert {"q1": 1}[RowKey.of("q1")] == 1
    assert json.dumps({"ids": (RowKey.of("q1"),)}) == '{"ids": ["q1"]}'
    assert copy.deepcopy(RowKey.of("q1", 2)) == RowKey.of("q1", 2)
    assert pickle.loads(pickle.dumps(RowKey.of("q1", 2))).sample == 2


def test_keys_of_one_question_are_distinct_and_stand_side_by_side() -> None:
    keys = [RowKey.of(i, sample, claim) for i in ("q1", "q10") for sample in range(3) for claim in range(3)]
    assert len(set(keys)) == len(keys)
    assert sorted(set(keys)) == keys


def test_answers_and_grades_name_their_rows() -> None:
    assert Answer("q1", (), (), "", (), (), finished=True, sample=3).key == RowKey.of("q1", 3)
    assert replace(GRADE, sample=3, claim=2).key == RowKey.of("q1", 3, 2)
    assert GRADE.key == "q1"


def test_grades_without_a_claim_are_read_as_the_first(tmp_path: Path) -> None:
    path, old = tmp_path / "grades.parquet", tmp_path / "old.parquet"
    grades = (GRADE, replace(GRADE, claim=1))
    write_records(path, Grade, grades)
    assert read_records(path, Grade) == grades
    pq.write_table(pq.read_table(path).drop_columns(["claim"]), old, write_page_checksum=True)
    assert read_records(old, Grade) == (GRADE, GRADE)
    assert tuple(grade for piece in read_in_pieces(old, Grade, 1) for grade in piece) == (GRADE, GRADE)


def test_an_id_with_the_separator_is_refused() -> None:
    with pytest.raises(QuestionsError, match=r"set: the id 'a\\x1f1' holds the control character '\\x1f'"):
        question_set("set", [Question("b", "?"), Question(f"a{SEPARATOR}1", "?")], Task("alias", "first_line"))
