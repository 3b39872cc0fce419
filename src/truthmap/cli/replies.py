"""What the commands find, as data: the types of their replies that nothing heavy is needed for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from truthmap.positions import Position
from truthmap.questions.groups import group_questions
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Message, Question, Site
from truthmap.runs.listing import RunListed
from truthmap.runs.removal import RemovedRun


class ReplyModel(BaseModel):
    """What every reply is: whole, and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WrittenFile(ReplyModel):
    """A file that was written, with its size in bytes."""

    written: str
    bytes: int

    @classmethod
    def at(cls, path: Path | str, local: Path) -> WrittenFile:
        """Return a file by the name that the user knows it by, and where it is on this disk."""
        return cls(written=str(path), bytes=local.stat().st_size)


class SetFound(ReplyModel):
    """A question set that has a name.

    Attributes:
        name: What it is called.
        asks: What it asks.
        source: Where it comes from.
        grading, locating: How its answers are graded, and how exact answers are found in them.
    """

    name: str
    asks: str
    source: str
    grading: str
    locating: str


class QuestionSets(ReplyModel):
    """The question sets that have a name."""

    sets: tuple[SetFound, ...]


class ClaimFound(ReplyModel):
    """A claim of a ready answer: its characters, from start to end, and its outcome."""

    start: int
    end: int
    outcome: str


class QuestionFound(ReplyModel):
    """A question as it is asked, with what came with it.

    Attributes:
        id: Its id.
        question: What is asked, without any template.
        turns: What was said in the conversation before it.
        context: Text given along with it.
        prompt: The whole prompt, where it came with the question.
        accepted: What is accepted.
        candidates: What an answer can name, a list of names each; `None`: it has none of its own.
        answer, outcome: A ready answer and its outcome, where they came with it.
        claims: The claims of that answer, where each has an outcome of its own.
    """

    id: str
    question: str
    turns: tuple[Message, ...]
    context: str | None
    prompt: str | None
    accepted: tuple[str, ...]
    candidates: tuple[tuple[str, ...], ...] | None
    answer: str | None
    outcome: str | None
    claims: tuple[ClaimFound, ...]

    @classmethod
    def of(cls, question: Question) -> QuestionFound:
        """Return a question so."""
        return cls(
            id=question.id,
            question=question.text,
            turns=question.turns,
            context=question.context,
            prompt=question.prompt,
            accepted=question.accepted,
            candidates=question.candidates,
            answer=question.answer,
            outcome=None if question.outcome is None else str(question.outcome),
            claims=tuple(
                ClaimFound(start=c.span.start, end=c.span.end, outcome=str(c.outcome)) for c in question.claims
            ),
        )


class BadRow(ReplyModel):
    """A row that makes no question: its line, the column (`None`: all of it), the kind of fault, and what is wrong."""

    line: int
    column: str | None
    kind: str
    what: str


class QuestionsRead(ReplyModel):
    """What reading a set, a file or a log of questions found.

    Attributes:
        name: The set, the file, or the data set of the hub.
        questions: How many questions there are.
        rows: Rows that were read; 0 where they are not counted, as of a built-in set.
        left_out: Sound rows that make no question.
        bad: Rows that make none because something is wrong with them.
        issues: The first 1,000 of those.
        grading, locating: How answers are graded, and how exact answers are found in them.
        rules: Grading rule → questions that it goes with, in a file of mixed questions.
        groups, near_duplicates: Groups of questions that stay together, and questions that are nearly the same.
        disputed: Questions that are asked again with another accepted answer.
        answered: Questions that came with an answer.
        outcomes: Outcome → questions that came with it.
        log: What was taken from a log; `None` for a question file.
        sample: Questions chosen at random, as many as were asked for.
        written: The question file that was written; `None`: none was asked for.
    """

    name: str
    questions: int
    rows: int
    left_out: int
    bad: int
    issues: tuple[BadRow, ...]
    grading: str
    locating: str
    rules: dict[str, int]
    groups: int
    near_duplicates: int
    disputed: int
    answered: int
    outcomes: dict[str, int]
    log: LogFacts | None
    sample: tuple[QuestionFound, ...]
    written: str | None = None

    @classmethod
    def of(cls, found: QuestionSet, sample: Sequence[Question], written: str | None = None) -> QuestionsRead:
        """Return what reading a set found.

        Args:
            found: The set.
            sample: The questions of it that are shown.
            written: The question file that it was written to.
        """
        report, groups = found.report, group_questions(found.questions)
        outcomes = Counter(str(each.outcome) for each in found.questions if each.outcome is not None)
        return cls(
            name=found.name,
            questions=len(found.questions),
            rows=report.rows,
            left_out=report.left_out,
            bad=report.bad,
            issues=tuple(BadRow(line=i.line, column=i.column, kind=str(i.kind), what=i.what) for i in report.issues),
            grading=str(found.task.grading),
            locating=str(found.task.locating),
            rules=dict(report.rules),
            groups=groups.count,
            near_duplicates=groups.near_duplicates,
            disputed=groups.disputed,
            answered=sum(each.answer is not None for each in found.questions),
            outcomes=dict(outcomes),
            log=report.log,
            sample=tuple(map(QuestionFound.of, sample)),
            written=written,
        )


class Serving(ReplyModel):
    """A server that takes requests now.

    Attributes:
        url: Its address.
        detector: The detector's folder or URL.
        model: The model that answers.
        asks_for_key: Whether clients need a key.
    """

    url: str
    detector: str
    model: str
    asks_for_key: bool


class BatchScored(ReplyModel):
    """A file of verdicts: `trusted`, `not trusted` and `no claim` with how many answers each got."""

    written: str
    verdicts: dict[str, int]


class RunsFound(ReplyModel):
    """The runs in a folder."""

    folder: str
    runs: tuple[RunListed, ...]


class RunsRemoved(ReplyModel):
    """The runs that were removed; none where nobody said yes."""

    removed: tuple[RemovedRun, ...]


class ScoresWritten(ReplyModel):
    """Scores that were written beside the samples of a log, or as a table.

    Attributes:
        written: The file.
        format: What it is.
        scored: Samples, of a table rows, that have a score.
        verdicts: How many of the run's graded claims got each verdict.
        detector: The detector that they come from; `None`: the best cell alone, and there is no P(wrong).
    """

    written: str
    format: str
    scored: int
    verdicts: dict[str, int]
    detector: str | None


class ExportedCell(ReplyModel):
    """A cell that was written for other tools, and what of it, a line each."""

    written: str
    format: str
    site: Site
    layer: int
    position: Position
    holds: tuple[str, ...]
