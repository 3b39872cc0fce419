"""What every way to write scores has: which samples of a log are which answers, and what is put beside a sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from truthmap.errors import QuestionsError, UsageError
from truthmap.pipeline.answer_scores import AnswerScore, RunScores
from truthmap.questions.columns import Columns
from truthmap.questions.logs.reading import log_questions
from truthmap.questions.readers import Row, read_rows
from truthmap.questions.validation import BadRowError
from truthmap.records import Question
from truthmap.runs.data import RunData

KEY = "truthmap"
"""What stands beside a sample is under this name."""


@dataclass(frozen=True)
class ScoredLog:
    """A log with the scores of its samples.

    Attributes:
        path: The log.
        data: The run that read it.
        scores: What is said of its answers.
        columns: How the run read the log.
    """

    path: Path
    data: RunData
    scores: RunScores
    columns: Columns

    def entries(self, tool: str) -> Iterator[tuple[int, Mapping[str, Any], dict[str, Any] | None]]:
        """Yield each sample's line or number from 1, what it holds, and what is said of it; `None`: not in the run.

        Args:
            tool: The tool that the log must be of.

        Raises:
            UsageError: it is a log of another tool, or not the one that the run read.
            QuestionsError: it cannot be read.
        """
        rows = read_rows(self.path)
        first = next((row for row in rows if isinstance(row, Row)), None)
        log = None if first is None else log_questions(first.values, self.columns, str(self.path))
        if first is None or log is None or log.kind.tool != tool:
            raise UsageError(f"{self.path} is no log of {tool}; name the log that the answers came from with --log")
        by_question, found = claims_of(self.scores.rows), set()
        for row in chain([first], rows):
            if not isinstance(row, Row):
                continue
            question = _question(log, row)
            claims = None if question is None else by_question.get(question.id)
            if question is None or claims is None or question.id in found:
                yield row.line, row.values, None
                continue
            self._require_same(question)
            found.add(question.id)
            yield row.line, row.values, sample_entry(claims, self.scores.detector)
        missing = len(by_question.keys() - found)
        if missing:
            raise UsageError(
                f"{self.path} lacks {missing:,} of the {len(by_question):,} questions of {self.data.run.address}: name "
                "the log that the answers came from with --log"
            )

    def _require_same(self, question: Question) -> None:
        known = self.data.questions_by_id[question.id]
        told = (question.text, question.turns, question.prompt, question.answer)
        if known.answer is None or told != (known.text, known.turns, known.prompt, known.answer):
            raise UsageError(
                f"the sample {question.id} of {self.path} is not what {self.data.run.address} read: name the log that "
                "the answers came from with --log, or write a table with --to csv"
            )


def _question(log: Any, row: Row) -> Question | None:
    try:
        question: Question | None = log.question_of(row)
    except BadRowError:
        return None
    return question


def claims_of(rows: Sequence[AnswerScore]) -> dict[str, list[AnswerScore]]:
    """Return the claims of each question's answer by the question's id; samples that were drawn later are left out."""
    found = defaultdict(list)
    for row in rows:
        if row.sample == 0:
            found[row.question_id].append(row)
    return dict(found)


def sample_entry(claims: Sequence[AnswerScore], detector: str | None) -> dict[str, Any]:
    """Return what is put beside a sample: what is said of its most doubtful claim, and of each of several."""
    worst = max(claims, key=_doubt)
    entry = {**worst.model_dump(mode="json", exclude={"question_id", "sample", "claim"}), "detector": detector}
    if len(claims) > 1:
        entry["claims"] = [claim.model_dump(mode="json", exclude={"question_id", "sample"}) for claim in claims]
    return entry


def _doubt(claim: AnswerScore) -> tuple[float, float]:
    p_wrong = -1.0 if claim.p_wrong is None else claim.p_wrong
    return p_wrong, float("-inf") if claim.score is None else -claim.score


def require_another_file(path: Path, out: Path) -> None:
    """See that a log is not written over.

    Raises:
        UsageError: it would be.
        QuestionsError: there is no log.
    """
    if not path.is_file():
        raise QuestionsError(f"there is no file {path}; name the log that the answers came from with --log")
    if out.exists() and out.samefile(path):
        raise UsageError(f"{out} is the log itself; name another file with --out")
