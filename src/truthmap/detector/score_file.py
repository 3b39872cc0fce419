"""Many questions from a file, their verdicts into a file: JSONL or CSV, each by its name."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from truthmap.detector.detector import Detector
from truthmap.detector.verdict import Verdict, verdict_row
from truthmap.errors import QuestionsError, UsageError
from truthmap.files import atomic_write
from truthmap.records import Question

_CHUNK = 256
_KINDS = (".jsonl", ".csv")


def score_file(
    detector: Detector,
    source: Path,
    target: Path,
    max_new_tokens: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """Ask the questions of a file, or score its answers, and write a row for each, in the same order.

    Columns read: `question`; `answer` (that one is scored, where it is not empty); `id` and any others are copied.
    The file is read and written in pieces, and the result is whole or absent.

    Returns:
        How many answers got each kind of verdict: `trusted`, `not trusted`, `no claim`.

    Raises:
        QuestionsError: the file is missing or a row is malformed; the message names the line.
        UsageError: a name ends in neither .jsonl nor .csv.
        StorageError: the result cannot be written.
    """
    for path in (source, target):
        if path.suffix.lower() not in _KINDS:
            raise UsageError(f"{path} must end in .jsonl or .csv")
    if not source.is_file():
        raise QuestionsError(f"there is no file {source}")
    counts: Counter[str] = Counter()
    with atomic_write(target) as temp_path, temp_path.open("w", encoding="utf-8", newline="") as file:
        writer = _Writer(file, target.suffix.lower())
        rows = _rows(source)
        while chunk := list(islice(rows, _CHUNK)):
            for row, verdict in zip(chunk, _verdicts(detector, chunk, max_new_tokens), strict=True):
                counts[verdict.kind] += 1
                writer.write(
                    {**{n: v for n, v in row.items() if n not in ("question", "answer")}, **verdict_row(verdict)}
                )
            if on_progress is not None:
                on_progress(sum(counts.values()))
    return dict(counts)


def _verdicts(detector: Detector, rows: Sequence[dict[str, Any]], max_new_tokens: int | None) -> list[Verdict]:
    questions: list[Question] = [detector.question(row["question"]) for row in rows]
    given = [n for n, row in enumerate(rows) if row.get("answer")]
    asked = [n for n, row in enumerate(rows) if not row.get("answer")]
    verdicts = dict(zip(given, detector.score_batch([(questions[n], rows[n]["answer"]) for n in given]), strict=True))
    verdicts.update(zip(asked, detector.ask_batch([questions[n] for n in asked], max_new_tokens), strict=True))
    return [verdicts[n] for n in range(len(rows))]


def _rows(source: Path) -> Iterator[dict[str, Any]]:
    with source.open(encoding="utf-8-sig", newline="") as file:
        try:
            for line, row in _csv_rows(file) if source.suffix.lower() == ".csv" else _json_rows(file):
                question, answer = row.get("question"), row.get("answer")
                if not isinstance(question, str) or not question.strip():
                    raise QuestionsError(f"{source}, line {line}: expected a text in `question`, got {question!r}")
                if not isinstance(answer, str | None):
                    raise QuestionsError(f"{source}, line {line}: expected a text in `answer`, got {answer!r}")
                yield row
        except (UnicodeDecodeError, csv.Error) as error:
            raise QuestionsError(f"{source} cannot be read: {error}") from error
        except json.JSONDecodeError as error:
            raise QuestionsError(f"{source} cannot be read: a line is not JSON ({error})") from error


def _csv_rows(file: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file)
    for row in reader:
        yield reader.line_num, {name: value for name, value in row.items() if name is not None}


def _json_rows(file: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(file, 1):
        if text.strip():
            row = json.loads(text)
            yield line, row if isinstance(row, dict) else {}


class _Writer:
    """Writes rows; a CSV's columns are those of its first row."""

    def __init__(self, file: TextIO, kind: str) -> None:
        self._file, self._kind = file, kind
        self._table: csv.DictWriter[str] | None = None

    def write(self, row: dict[str, Any]) -> None:
        """Write one row."""
        if self._kind == ".jsonl":
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
            return
        if self._table is None:
            self._table = csv.DictWriter(self._file, list(row), extrasaction="ignore")
            self._table.writeheader()
        self._table.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: object) -> object:
    """Return a value as a CSV holds it: lists and truth values as JSON writes them."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool) else value
