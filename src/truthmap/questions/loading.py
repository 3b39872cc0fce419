"""Question sets by name, from a file, or from the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from enum import StrEnum
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from truthmap.errors import QuestionsError
from truthmap.files import is_path
from truthmap.questions.catalogue import BUILTIN_SETS
from truthmap.questions.columns import Columns, resolve_columns
from truthmap.questions.hub_reader import HubName, hub_name, read_hub
from truthmap.questions.id_filter import IdFilter
from truthmap.questions.logs.reading import log_questions, require_whole
from truthmap.questions.paper_sets import PAPER_SETS, SPLITS, TRAIN, HubData, PaperFile, PaperSet
from truthmap.questions.question_set import QuestionSet, choose, question_set
from truthmap.questions.readers import FORMATS, Row, read_rows
from truthmap.questions.user_files import Tally, question_of, user_file_task
from truthmap.questions.validation import BadRowError, IssueKind, RowIssue, ValidationReport
from truthmap.records import SEPARATOR, Question

_Rows = Iterable[Row | RowIssue]


class _Ids(StrEnum):
    """Where the ids of a set's questions come from."""

    USER = "user"
    """The user's file: one that comes again is an issue."""
    LINE = "line"
    """Line numbers: distinct as they are."""
    PAPER = "paper"
    """A published set: a row that comes again is left out."""


class QuestionSettings(BaseModel):
    """Which questions of a set are taken, and from where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int | None = Field(default=None, ge=1, description="At most this many questions, chosen at random.")
    seed: int = Field(default=0, description="Another seed chooses others.")
    path: Path | None = Field(default=None, description="The file of one of the paper's sets, or its folder.")
    split: str = Field(default=TRAIN, description="train or test, for the paper's sets.")
    columns: Columns = Field(default=Columns(), description="The columns of a user's file.")
    skip_bad: bool = Field(default=False, description="Go on without the rows that make no question.")


def load_questions(name_or_path: str, settings: QuestionSettings | None = None) -> QuestionSet:
    """Load a question set by its name, from a file (CSV, JSON lines, Parquet), or from the hub (`owner/name`).

    Raises:
        QuestionsError: there is no such set or file, or rows of it make no question and `skip_bad` is not set.
    """
    settings = settings or QuestionSettings()
    if name_or_path in BUILTIN_SETS:
        entry = BUILTIN_SETS[name_or_path]
        return question_set(name_or_path, choose(entry.questions(), settings.limit, settings.seed), entry.task)
    if name_or_path in PAPER_SETS:
        return _load_paper_set(PAPER_SETS[name_or_path], settings)
    path = Path(name_or_path)
    if path.suffix.lower() in FORMATS or path.exists():
        return _load_user_rows(name_or_path, path.stem, read_rows(path), settings)
    hub = None if is_path(name_or_path) else hub_name(name_or_path)
    if hub is not None:
        return _load_user_rows(name_or_path, name_or_path, read_hub(hub), settings)
    names = [*BUILTIN_SETS, *PAPER_SETS]
    if is_path(name_or_path):
        raise QuestionsError(f"there is no file {name_or_path}: expected one that ends in {', '.join(FORMATS)}")
    close = get_close_matches(name_or_path, names, n=1)
    near = f" (did you mean {close[0]}?)" if close else ""
    raise QuestionsError(
        f"unknown question set {name_or_path!r}{near}: expected one of {', '.join(names)}, a file "
        f"({', '.join(FORMATS)}), or a data set of the hub (owner/name)"
    )


def question_set_of_rows(name: str, rows: _Rows, settings: QuestionSettings) -> QuestionSet:
    """Make a question set of rows such as a user's file has, which a program gives.

    Raises:
        QuestionsError: as `load_questions`.
    """
    return _load_user_rows(name, name, rows, settings)


def _load_paper_set(entry: PaperSet, settings: QuestionSettings) -> QuestionSet:
    if settings.split not in SPLITS:
        raise QuestionsError(f"there is no split {settings.split!r}; expected one of {', '.join(SPLITS)}")
    rows = (
        _file_rows(entry, entry.source, settings) if isinstance(entry.source, PaperFile) else _hub_rows(entry, settings)
    )
    report = ValidationReport()
    questions = _questions(rows, entry.question_of, report, _Ids.PAPER)
    chosen = _checked(entry.name, questions, report, settings)
    return question_set(entry.name, chosen, entry.task, report)


def _file_rows(entry: PaperSet, source: PaperFile, settings: QuestionSettings) -> _Rows:
    wanted = source.names[settings.split]
    if settings.path is None:
        raise QuestionsError(
            f"{entry.name} needs the paper's file {wanted}: name it, or the folder it is in, with --questions-file "
            "(it is in the folder data of github.com/technion-cs-nlp/LLMsKnow)"
        )
    path = settings.path / wanted if settings.path.is_dir() else settings.path
    rows = iter(read_rows(path))
    first = next((row for row in rows if isinstance(row, Row)), None)
    if first is None:
        raise QuestionsError(f"{path} holds no rows")
    missing = [column for column in source.columns if column not in first.values]
    if missing:
        raise QuestionsError(
            f"{path} is not the file of {entry.name}: it has no column {missing[0]!r}; "
            f"expected {', '.join(source.columns)}, got {', '.join(first.values)}"
        )
    # Read again from the start: what came before the first sound row counts too.
    return read_rows(path)


def _hub_rows(entry: PaperSet, settings: QuestionSettings) -> _Rows:
    source = entry.source
    assert isinstance(source, HubData)
    if settings.path is not None:
        return read_rows(settings.path)
    return read_hub(HubName(source.id, source.config, source.splits[settings.split]), source.most)


def _load_user_rows(source: str, name: str, rows: _Rows, settings: QuestionSettings) -> QuestionSet:
    report = ValidationReport()
    before: list[Row | RowIssue] = []
    stream = iter(rows)
    first = next((row for row in _noting(stream, before) if isinstance(row, Row)), None)
    if first is None:
        raise QuestionsError(f"{source} holds no questions" + (f": {before[0]}" if before else ""))
    make, ids = _question_maker(first, settings.columns, source, report)
    tally = Tally()
    questions = tally.note(_questions(chain(before, stream), make, report, ids))
    chosen = _checked(source, questions, report, settings)
    report.rules.update({str(rule): count for rule, count in tally.rules.items()})
    return question_set(name, chosen, user_file_task(tally), report)


def _question_maker(
    first: Row, columns: Columns, source: str, report: ValidationReport
) -> tuple[Callable[[Row], Question | None], _Ids]:
    """Return what makes a row of a file or a log a question, and where the ids come from; the report says which."""
    log = log_questions(first.values, columns, source)
    if log is not None:
        require_whole(log, source)
        report.log = log.facts
        return log.question_of, _Ids.USER if "id" in log.facts.became else _Ids.LINE
    found = resolve_columns(columns, list(first.values), source)
    return lambda row: question_of(row, found, columns.right_at), _Ids.USER if "id" in found else _Ids.LINE


def _noting(rows: Iterator[Row | RowIssue], before: list[Row | RowIssue]) -> Iterator[Row | RowIssue]:
    for row in rows:
        before.append(row)
        yield row


def _questions(
    rows: _Rows, make: Callable[[Row], Question | None], report: ValidationReport, ids: _Ids
) -> Iterator[Question]:
    """Yield the questions of rows; what makes none is counted in the report."""
    seen = IdFilter()
    for row in rows:
        report.rows += 1
        if isinstance(row, RowIssue):
            report.add(row)
            continue
        try:
            question = make(row)
            if question is not None and SEPARATOR in question.id:
                what = f"the id {question.id[:40]!r} holds the control character {SEPARATOR!r}"
                raise BadRowError(None, IssueKind.VALUE, what)
        except BadRowError as error:
            report.add(RowIssue(row.line, error.column, error.kind, error.what))
            continue
        if question is None:
            report.left_out += 1
        elif ids is _Ids.LINE or seen.add(question.id):
            yield question
        elif ids is _Ids.PAPER:
            report.left_out += 1
        else:
            what = f"the id {question.id[:40]!r} came before"
            report.add(RowIssue(row.line, None, IssueKind.DUPLICATE, what))


def _checked(
    name: str, questions: Iterable[Question], report: ValidationReport, settings: QuestionSettings
) -> tuple[Question, ...]:
    chosen = choose(questions, settings.limit, settings.seed)
    if report.bad and not settings.skip_bad:
        raise QuestionsError(report.message(name))
    if not chosen:
        raise QuestionsError(f"{name} holds no questions" + (f" but {report.counted()} rows" if report.bad else ""))
    return chosen
