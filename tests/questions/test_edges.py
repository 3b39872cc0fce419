"""Values and columns at the edge of what a file can hold: a bad row or a refusal, in no time, and never half taken."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truthmap.errors import QuestionsError
from truthmap.questions.columns import MOST_COLUMNS, Columns
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.validation import IssueKind

SKIP = QuestionSettings(skip_bad=True)


def rows(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(lines))
    return path


GOOD = '{"question": "What is 1?", "accepted": "one"}'


@pytest.mark.parametrize(
    ("line", "column", "kind"),
    [
        (r'{"question": "hi \ud800 there", "accepted": "a"}', "question", IssueKind.NOT_UTF8),
        (r'{"question": "hi", "accepted": ["a", "\udfff"]}', "accepted", IssueKind.NOT_UTF8),
        (r'{"question": "hi", "accepted": "a", "id": "\uDC00"}', "id", IssueKind.NOT_UTF8),
        (r'{"question": "hi", "accepted": "[\"\\ud800\"]"}', "accepted", IssueKind.NOT_UTF8),
        ('{"question": "a", "accepted": "b", "question": "c"}', None, IssueKind.JSON),
        ('{"question": "a", "accepted": "b", "x": {"y": 1, "y": 2}}', None, IssueKind.JSON),
        ('{"question": 1' + "0" * 5000 + ', "accepted": "b"}', None, IssueKind.JSON),
    ],
)
def test_a_row_that_is_no_text_is_a_bad_row(tmp_path: Path, line: str, column: str | None, kind: IssueKind) -> None:
    first = json.dumps({"id": "a", "question": "What is 1?", "accepted": "one"})
    found = load_questions(str(rows(tmp_path, first, line)), SKIP)
    assert [(issue.line, issue.column, issue.kind) for issue in found.report.issues] == [(2, column, kind)]
    assert len(found.questions) == 1


def test_a_character_outside_the_first_plane_is_whole(tmp_path: Path) -> None:
    path = rows(tmp_path, r'{"question": "\ud83d\ude42?", "accepted": "a"}')
    assert load_questions(str(path)).questions[0].text == "🙂?"


@pytest.mark.parametrize(
    "far",
    [
        pa.array([0, 1 << 30, 2], pa.int32()).cast(pa.date32()),
        pa.array([0, 1 << 62, 2], pa.int64()).cast(pa.timestamp("us")),
        pa.array([0, 1 << 50, 2], pa.int64()).cast(pa.timestamp("s")),
        pa.array([[0], [1 << 62], [2]], pa.list_(pa.timestamp("us"))),
        pa.array([0, 1 << 62, 2], pa.int64()).cast(pa.duration("s")),
    ],
    ids=["date", "microseconds", "seconds", "in a list", "duration"],
)
def test_a_date_out_of_range_is_a_bad_row(tmp_path: Path, far: pa.Array) -> None:
    path = tmp_path / "own.parquet"
    pq.write_table(pa.table({"question": ["a", "b", "c"], "when": far, "accepted": ["x", "y", "z"]}), path)
    found = load_questions(str(path), SKIP)
    assert [(issue.line, issue.column, issue.kind) for issue in found.report.issues] == [(2, "when", IssueKind.VALUE)]
    assert [question.text for question in found.questions] == ["a", "c"]


def test_a_doubled_column_is_refused_in_every_format(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["question", "accepted", "accepted"])
    pq.write_table(table, tmp_path / "own.parquet")
    (tmp_path / "own.csv").write_text("question,accepted, accepted\na,b,c\n")
    (tmp_path / "own.tsv").write_text("question\taccepted\tcolumn 4\t\na\tb\tc\td\n")
    for ending in ("parquet", "csv", "tsv"):
        with pytest.raises(QuestionsError, match=r"has the column '(accepted|column 4)' more than once; rename one"):
            load_questions(str(tmp_path / f"own.{ending}"), SKIP)


def test_two_columns_that_could_be_meant_are_asked_about(tmp_path: Path) -> None:
    path = rows(tmp_path, '{"question": "a", "accepted": "b", "Question": "c"}')
    with pytest.raises(QuestionsError, match="'question' and 'Question': say which with --question-column"):
        load_questions(str(path))
    named = QuestionSettings(columns=Columns(question="Question"))
    assert load_questions(str(path), named).questions[0].text == "c"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_hundred_thousand_columns_are_refused_at_once(tmp_path: Path, ending: str) -> None:
    names = ["question", "accepted", *(f"c{n}" for n in range(10 * MOST_COLUMNS))]
    path = tmp_path / f"own.{ending}"
    if ending == "csv":
        path.write_text(",".join(names) + "\n" + ",".join("a" * len(names)) + "\n")
    else:
        pq.write_table(pa.table({name: ["a"] for name in names[:20_000]}), path)
    started = time.process_time()
    with pytest.raises(QuestionsError, match=r"columns, at most 10,000 are read: keep those with|Exceeded size limit"):
        load_questions(str(path))
    assert time.process_time() - started < 5


def test_keys_without_number_take_no_time(tmp_path: Path) -> None:
    wide = json.dumps({"question": "a", "accepted": "b", **{f"c{n}": n for n in range(100_000)}})
    started = time.process_time()
    with pytest.raises(QuestionsError, match="has no column 'c0x'"):
        load_questions(str(rows(tmp_path, wide, GOOD)), QuestionSettings(columns=Columns(id="c0x")))
    assert time.process_time() - started < 5
