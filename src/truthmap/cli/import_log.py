"""`truthmap import`: what of an evaluation tool's log makes a question, and the log as a question file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from truthmap.cli.questions import LATER_FORMS, show_issues, show_log, show_question
from truthmap.cli.replies import QuestionsRead
from truthmap.errors import UsageError
from truthmap.questions.columns import Columns
from truthmap.questions.loading import QuestionSettings, load_questions, question_set_of_rows
from truthmap.questions.logs.joining import joined_rows
from truthmap.questions.question_rows import write_question_rows
from truthmap.questions.question_set import QuestionSet, choose
from truthmap.records import Question
from truthmap.study.study import Study, settings_of_a_study
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.options import local
from truthmap.terminal.output import plain, print_lines, terminal
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import study_options

_OWN = {leaf.name for leaf in settings_of_a_study() if leaf.path[:2] == ("questions", "columns")}


@replies("truthmap.cli.replies:QuestionsRead")
@study_options([leaf for leaf in settings_of_a_study() if leaf.name in _OWN and leaf.name not in LATER_FORMS])
def import_log(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The log, or a file of questions", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="Write the questions to this file, as JSON lines", show_default=False, callback=local),
    ] = None,
    join: Annotated[
        list[Path] | None, typer.Option(help="A file with what the log lacks, joined by id", show_default=False)
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Show so many questions, chosen at random")] = 1,
    *,
    given: dict[str, Any],
) -> Reply:
    """Show what of a log makes a question, and write it as a question file.

    Logs of lm-evaluation-harness (samples_*.jsonl), inspect_ai (.eval, .json), lighteval (details, Parquet), batch
    files of OpenAI's API and chats (JSON lines with messages) are known by their first row. Columns are named with
    dots: --accepted-column doc.answers. Exit code 1: some rows are bad.
    """
    columns = Study(questions=str(file), **given).questions.columns
    settings = QuestionSettings(columns=columns, skip_bad=True)
    if not file.is_file():
        raise UsageError(f"there is no file {file}; name a log")
    if join:
        plain_settings = QuestionSettings(columns=Columns(right_at=columns.right_at), skip_bad=True)
        found = question_set_of_rows(str(file), joined_rows(file, join, columns), plain_settings)
    else:
        found = load_questions(str(file), settings)
    if out is not None:
        write_question_rows(out, found.questions)
    shown = choose(found.questions, sample, 0) if sample else ()
    read = QuestionsRead.of(found, shown, None if out is None else str(out))
    return Reply(read, lambda: _show(found, shown, out), ExitCode.FOUND if found.report.bad else ExitCode.DONE)


def _show(found: QuestionSet, sample: Sequence[Question], out: Path | None) -> None:
    console, report = terminal(), found.report
    if report.log is None:
        console.print(plain(f"{found.name}: no log that is known, so read as a file of questions"), soft_wrap=True)
    else:
        show_log(report.log)
    counts = Counter(str(question.outcome or "no outcome") for question in found.questions)
    answered = sum(question.answer is not None for question in found.questions)
    left_out = f", {report.left_out:,} left out (no answer, or of another filter)" if report.left_out else ""
    told = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
    console.print(plain(f"{report.rows:,} rows: {len(found.questions):,} questions{left_out}, {report.bad:,} bad"))
    console.print(plain(f"{answered:,} with an answer; outcomes: {told}"))
    for question in sample:
        console.print()
        show_question(console, found, question)
    if out is not None:
        print_lines([f"written to {out}; ask of it: truthmap run --questions {out}"])
    if report.bad:
        show_issues(console, report)
