"""Files as users have them: whole, broken, hostile, long."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truthmap.errors import QuestionsError
from truthmap.questions.columns import Columns
from truthmap.questions.csv_reader import read_csv
from truthmap.questions.id_filter import IdFilter
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.readers import read_rows
from truthmap.questions.validation import IssueKind, RowIssue

LIMIT_5 = QuestionSettings(limit=5)


def file(tmp_path: Path, content: str | bytes, name: str = "own.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def issues(path: Path) -> list[tuple[int, str | None, IssueKind]]:
    """What is wrong with an own file: line, column and kind."""
    found = load_questions(str(path), QuestionSettings(skip_bad=True)).report.issues
    return [(issue.line, issue.column, issue.kind) for issue in found]


GOOD = "question,answer\nWhat is 1?,one\n"


@pytest.mark.parametrize(
    ("rows", "line", "column", "kind"),
    [
        (b"caf\xe9?,yes\nWhat is 3?,three\n", 3, None, IssueKind.NOT_UTF8),
        (b'"What is "2"?,two\nWhat is 3?,three\n', 3, None, IssueKind.QUOTES),
        (b'What is 3?,three\n"never closed,two\n', 4, None, IssueKind.QUOTES),
        (b"one,two,three\nWhat is 3?,three\n", 3, None, IssueKind.FIELDS),
        (b"only one field\nWhat is 3?,three\n", 3, None, IssueKind.FIELDS),
        (b"  ,two\nWhat is 3?,three\n", 3, "question", IssueKind.EMPTY),
        (b"What is 2?,\nWhat is 3?,three\n", 3, "answer", IssueKind.MISSING),
        (b"What is 3?,three\n" + b"x" * 2_000_000 + b",two\n", 4, None, IssueKind.TOO_LONG),
    ],
)
def test_each_issue_is_named_by_line_and_column(
    tmp_path: Path, rows: bytes, line: int, column: str | None, kind: IssueKind
) -> None:
    path = file(tmp_path, GOOD.encode() + rows)
    assert issues(path) == [(line, column, kind)]
    kept = load_questions(str(path), QuestionSettings(skip_bad=True))
    assert [question.accepted for question in kept.questions] == [("one",), ("three",)]
    assert (kept.report.rows, kept.report.bad) == (3, 1)
    where = f"line {line}" + (f", column {column}" if column else "")
    with pytest.raises(QuestionsError, match=rf"own.csv: 1 of 3 rows.*\(1 {kind}\): {where}: .*--skip-bad"):
        load_questions(str(path))


def test_reading_goes_on_after_quotes_gone_wrong(tmp_path: Path) -> None:
    lines = [f"What is {n}?,{n}" for n in range(100)]
    lines[10] = '"What is 10?,10'
    lines[50] = 'What "is" "50?,50'
    lines[70] = '"What, is ""70""?",70'
    path = file(tmp_path, "question,answer\n" + "\n".join(lines) + "\n")
    kept = load_questions(str(path), QuestionSettings(skip_bad=True))
    assert [issue.line for issue in kept.report.issues] == [12]
    texts = [question.text for question in kept.questions]
    assert len(texts) == 99
    assert 'What "is" "50?' in texts
    assert 'What, is "70"?' in texts


def test_a_file_of_broken_quotes_is_given_up(tmp_path: Path) -> None:
    path = file(tmp_path, "question,answer\n" + '"a"b,1\n' * 1100)
    with pytest.raises(QuestionsError, match=r"more than 1,000 rows have quotes gone wrong; is it CSV\?"):
        load_questions(str(path))


def test_line_ends_in_fields_byte_order_marks_and_tabs_are_read(tmp_path: Path) -> None:
    multi = file(tmp_path, '\ufeffquestion,answer\r\n"What\nis 1?",one\r\nWhat is 2?,two\r\n')
    assert list(read_csv(multi)) == [
        (2, {"question": "What\nis 1?", "answer": "one"}),
        (4, {"question": "What is 2?", "answer": "two"}),
    ]
    semicolons = file(tmp_path, "question;answer\nWhat is 1, 2?;one\n", "semi.csv")
    assert load_questions(str(semicolons)).questions[0].text == "What is 1, 2?"
    tabs = file(tmp_path, "question\tanswer\nWhat is 1, 2?\tone\n", "tabs.tsv")
    assert load_questions(str(tabs)).questions[0].accepted == ("one",)


def test_the_programs_own_csv_limit_is_left_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    list(read_csv(file(tmp_path, GOOD)))
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: expected a header"),
        (b"question,answer\n", "holds no questions"),
        (b"\xff\xfeq\x00", "is UTF-16, expected UTF-8"),
        (b"question,question,answer\n", "has the column 'question' more than once"),
        (
            b"Frage,Antwort\nWas?,das\n",
            r"no column for the question.*its columns are Frage, Antwort.*--question-column",
        ),
        (b"question,reply\nWhat?,that\n", r"no column for the accepted answers.*--accepted-column"),
        (b'"question,answer\nWhat?,that\n', "has no usable header"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(QuestionsError, match=message):
        load_questions(str(file(tmp_path, content)))


def test_a_named_column_that_is_missing_is_named_with_the_closest_one(tmp_path: Path) -> None:
    path = file(tmp_path, "Frage,Antwort\nWas?,das\n")
    with pytest.raises(QuestionsError, match=r"no column 'Antword' \(did you mean 'Antwort'\?\)"):
        load_questions(str(path), QuestionSettings(columns=Columns(question="Frage", accepted="Antword")))
    named = QuestionSettings(columns=Columns(question="Frage", accepted="Antwort"))
    assert load_questions(str(path), named).questions[0].accepted == ("das",)


def test_files_that_are_missing_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match="there is no file"):
        load_questions(str(tmp_path / "none.csv"))
    with pytest.raises(QuestionsError, match=r"no format that is known.*\.parquet"):
        load_questions(str(file(tmp_path, "x", "own.xlsx")))
    with pytest.raises(QuestionsError, match="cannot be read as Parquet"):
        load_questions(str(file(tmp_path, "no parquet", "own.parquet")))


def test_json_lines_name_the_line_of_each_fault(tmp_path: Path) -> None:
    lines = [
        json.dumps({"question": "What is 1?", "answer": ["one", "1"], "candidates": [["one", "1"], ["two"]]}),
        "{broken",
        "[1, 2]",
        "",
        json.dumps({"question": {"text": "nested"}, "answer": "x"}),
        json.dumps({"question": None, "answer": "x"}),
        "[" * 100_000,
        json.dumps({"question": "What is 7?", "answer": 7.0, "candidates": ["7", "8"]}),
    ]
    path = file(tmp_path, "\n".join(lines), "own.jsonl")
    assert issues(path) == [
        (2, None, IssueKind.JSON),
        (3, None, IssueKind.JSON),
        (5, "question", IssueKind.VALUE),
        (6, "question", IssueKind.EMPTY),
        (7, None, IssueKind.JSON),
    ]
    first, last = load_questions(str(path), QuestionSettings(skip_bad=True)).questions
    assert first.candidates == (("one", "1"), ("two",))
    assert last.accepted == ("7",)


def test_parquet_reads_as_the_same_questions_as_csv_and_json_lines(tmp_path: Path) -> None:
    rows = [{"id": f"q{n}", "question": f"What is {n}?", "answer": str(n), "group": str(n % 2)} for n in range(300)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "own.parquet")
    file(tmp_path, "\n".join(map(json.dumps, rows)), "own.jsonl")
    with (tmp_path / "own.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    sets = [load_questions(str(tmp_path / f"own.{kind}")) for kind in ("csv", "jsonl", "parquet")]
    assert sets[0].questions[3].group == "1"
    assert len({found.digest for found in sets}) == 1


def test_repeated_ids_are_counted_and_left_out(tmp_path: Path) -> None:
    path = file(tmp_path, "id,question,answer\na,What?,1\nb,Who?,2\na,Where?,3\n")
    with pytest.raises(QuestionsError, match=r"line 4: the id 'a' came before"):
        load_questions(str(path))
    kept = load_questions(str(path), QuestionSettings(skip_bad=True)).questions
    assert [question.text for question in kept] == ["What?", "Who?"]


def test_ids_that_hold_a_separator_of_keys_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "id,question,answer\na\x1f1,What?,1\nb,Who?,2\n")
    with pytest.raises(QuestionsError, match=r"line 2: the id 'a\\x1f1' holds the control character '\\x1f'"):
        load_questions(str(path))
    kept = load_questions(str(path), QuestionSettings(skip_bad=True)).questions
    assert [question.id for question in kept] == ["b"]


def test_seen_ids_remember_across_merges() -> None:
    seen = IdFilter()
    assert all(seen.add(f"question {n}") for n in range(140_000))
    assert not any(seen.add(f"question {n}") for n in range(0, 140_000, 997))


def peak_of_reading(tmp_path: Path, rows: int) -> int:
    """The most memory in bytes that Python holds while 5 questions are taken from a file of so many rows."""
    path = tmp_path / f"{rows}.csv"
    with path.open("w") as out:
        out.write("question,answer\n")
        out.writelines(f"Which number comes after {n} in the row of all the numbers?,{n + 1}\n" for n in range(rows))
    tracemalloc.start()
    found = load_questions(str(path), LIMIT_5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(found.questions), found.report.rows) == (5, rows)
    return peak


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peak_of_reading(tmp_path, 10)
    assert peak_of_reading(tmp_path, 20_000) < peak_of_reading(tmp_path, 1_000) + 100_000


HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b]0;owned\x07\x1b[2J",
    '=HYPERLINK("http://127.0.0.1")',
    "__import__('os').system('false')",
    "{context} {0.__class__} {{7*7}}",
    "[9.0].__class__",
)


def test_hostile_texts_are_texts(tmp_path: Path) -> None:
    rows = [{"question": f"{text} {n}", "answer": f"{text} "} for n, text in enumerate(HOSTILE)]
    path = file(tmp_path, "\n".join(map(json.dumps, rows)), "own.jsonl")
    kept = load_questions(str(path), QuestionSettings(skip_bad=True))
    assert [q.text for q in kept.questions] == [f"{text} {n}" for n, text in enumerate(HOSTILE[:5])]
    # What begins like a list must be one: it is never taken for Python.
    assert [(f.line, f.column) for f in kept.report.issues] == [(6, "answer")]


def test_rows_of_a_file_are_read_one_batch_at_a_time(tmp_path: Path) -> None:
    rows = read_rows(file(tmp_path, GOOD + "What is 2?,two\n"))
    first = next(iter(rows))
    assert not isinstance(first, RowIssue)
    assert first.values == {"question": "What is 1?", "answer": "one"}


def test_a_few_bytes_of_parquet_do_not_stand_for_gigabytes(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 256, pa.int32()), pa.array(["x" * 4_000_000]))
    pq.write_table(pa.table({"question": text, "accepted": ["a"] * 256}), tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 2000
    with pytest.raises(QuestionsError, match=r"bomb\.parquet cannot be read as Parquet after row 0: its values take"):
        list(read_rows(tmp_path / "bomb.parquet"))
