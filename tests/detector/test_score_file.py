"""Files of questions: malformed ones are refused with the line, and nothing half-written stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from truthmap.detector.detector import Detector
from truthmap.detector.score_file import score_file
from truthmap.errors import QuestionsError, UsageError


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("q.jsonl", '{"question": "Which 1 is 2?"}\n{"question": 5}\n', "line 2: expected a text in `question`, got 5"),
        ("q.jsonl", '{"question": "Which 1 is 2?"}\n[]\n', "line 2: expected a text in `question`, got None"),
        ("q.jsonl", "{nonsense\n", "a line is not JSON"),
        ("q.jsonl", '{"question": "Which?", "answer": 3}\n', "line 1: expected a text in `answer`, got 3"),
        ("q.csv", "asked\nWhich?\n", "line 2: expected a text in `question`, got None"),
        ("q.csv", b"question\n\xff\xfe\n", "cannot be read"),
    ],
)
def test_malformed_files_are_refused_and_leave_nothing(
    tiny_detector: Detector, tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(QuestionsError, match=message):
        score_file(tiny_detector, tmp_path / name, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_other_kinds_of_files_are_refused(tiny_detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in .jsonl or .csv"):
        score_file(tiny_detector, tmp_path / "q.xlsx", tmp_path / "out.csv")
    with pytest.raises(QuestionsError, match="there is no file"):
        score_file(tiny_detector, tmp_path / "q.csv", tmp_path / "out.csv")


def test_an_empty_file_gives_an_empty_file(tiny_detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text("\n\n")
    assert score_file(tiny_detector, tmp_path / "q.jsonl", tmp_path / "out.jsonl") == {}
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_a_csv_with_a_byte_order_mark_is_read(tiny_detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_bytes("\ufeffquestion\nWhich 1 is 2?\n".encode())
    assert sum(score_file(tiny_detector, tmp_path / "q.csv", tmp_path / "out.csv").values()) == 1
