"""`truthmap questions`: the sets that have a name, some questions of one, or what is wrong with a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from truthmap.cli.replies import QuestionSets, QuestionsRead, SetFound
from truthmap.questions.catalogue import NamedSet, named_sets
from truthmap.questions.groups import group_questions
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.log_facts import LogFacts
from truthmap.questions.question_set import QuestionSet, choose
from truthmap.questions.validation import ValidationReport
from truthmap.records import Question
from truthmap.study.study import Study, settings_of_a_study
from truthmap.terminal.completion import question_sets
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.output import plain, print_table, printable, terminal
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import study_options

_SHOWN_ISSUES = 100
_LONGEST = 300
LATER_FORMS = {"questions", "limit", "skip_bad"}
"""Settings of a study's questions that this command has in another form."""


@replies("truthmap.cli.replies:QuestionSets", "truthmap.cli.replies:QuestionsRead")
@study_options([leaf for leaf in settings_of_a_study() if leaf.path[0] == "questions" and leaf.name not in LATER_FORMS])
def questions(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A set, a file or a data set of the hub; none: list the sets", autocompletion=question_sets
        ),
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Show so many questions, chosen at random")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed shows others")] = 0,
    *,
    given: dict[str, Any],
) -> Reply:
    """List the question sets; check one and show some of its questions.

    A file is read whole and each row that makes no question is listed with its line and column. Exit code 1: some rows
    are bad.
    """
    if name is None:
        sets = [_set_found(each) for each in named_sets()]
        return Reply(QuestionSets(sets=tuple(sets)), lambda: _list_sets(sets))
    asked = Study(questions=name, **given).questions
    settings = QuestionSettings(path=asked.file, split=asked.split, columns=asked.columns, skip_bad=True)
    found = load_questions(name, settings)
    shown = choose(found.questions, sample, seed) if sample else ()
    code = ExitCode.FOUND if found.report.bad else ExitCode.DONE
    return Reply(QuestionsRead.of(found, shown), lambda: _show_set(found, shown), code)


def _set_found(each: NamedSet) -> SetFound:
    task = each.task
    grading, locating = str(task.grading), str(task.locating)
    return SetFound(name=each.name, asks=each.about, source=each.source, grading=grading, locating=locating)


def _list_sets(sets: Sequence[SetFound]) -> None:
    rows = [(each.name, each.asks, each.source, each.grading, each.locating) for each in sets]
    print_table("Question sets", ("name", "asks", "source", "graded by", "exact answer by"), rows)
    terminal().print("Own questions: a .csv, .tsv, .jsonl or .parquet file, or owner/name on the hub.")


def _show_set(found: QuestionSet, sample: Sequence[Question]) -> None:
    from truthmap.grading.kinds import LOCATINGS

    console = terminal()
    task, report = found.task, found.report
    stand_in = LOCATINGS[task.locating].stand_in
    by = str(task.locating) if stand_in is None else f"{task.locating} (without a --locator: {stand_in})"
    console.print(plain(f"{found.name}: graded by {_rules(found)}, exact answer by {by}"))
    if report.rows:
        left_out = f", {report.left_out:,} left out" if report.left_out else ""
        console.print(
            plain(f"{report.rows:,} rows: {report.rows - report.bad - report.left_out:,} questions{left_out}")
        )
    if n_claims := sum(len(question.claims) for question in found.questions):
        console.print(plain(f"{n_claims:,} claims of ready answers, each with its outcome"))
    groups = group_questions(found.questions)
    for line in filter(None, (groups.described(), groups.warning)):
        console.print(plain(line), soft_wrap=True)
    if report.log is not None:
        show_log(report.log)
    for question in sample:
        console.print()
        show_question(console, found, question)
    if report.bad:
        show_issues(console, report)


def show_question(console: Console, found: QuestionSet, question: Question) -> None:
    """Show a question as it is asked, with what came with it."""
    for heading, value in _lines(found, question):
        console.print(Text(heading).append_text(plain(value, _LONGEST)))


def show_log(log: LogFacts) -> None:
    """Show what of a log became what, and what cannot be known of how its questions were asked."""
    print_table(f"A log of {log.tool}", ("", ""), [(name, taken) for name, taken in log.became.items()])
    terminal().print(plain("What the log does not tell:"))
    for difference in log.differences:
        terminal().print(plain(f"- {difference}"))


def _rules(found: QuestionSet) -> str:
    """Return the rule that grades the set; of a file of mixed questions how many each rule grades."""
    rules = found.report.rules
    if len(rules) < 2:
        return str(found.task.grading)
    return f"{found.task.grading} ({', '.join(f'{rule}: {count:,}' for rule, count in rules.most_common())})"


def _lines(found: QuestionSet, question: Question) -> list[tuple[str, str]]:
    """Return what a reader sees of a question: as it is asked, and what is accepted."""
    asked = found.task.chat(question) if question.prompt is None else question.prompt
    lines = [
        (f"{printable(question.id)}: ", asked),
        ("    accepted: ", " | ".join(question.accepted)),
    ]
    if question.candidates is not None and len(question.candidates) <= 5:
        lines.append(("    candidates: ", " | ".join(names[0] for names in question.candidates)))
    if question.answer is not None:
        lines.append(("    ready answer: ", question.answer))
        said = [question.answer[claim.span.start : claim.span.end] for claim in question.claims]
        lines += [(f"    {claim.outcome}: ", text) for claim, text in zip(question.claims, said, strict=True)]
    if question.outcome is not None:
        lines.append(("    ready outcome: ", str(question.outcome)))
    return lines


def show_issues(console: Console, report: ValidationReport) -> None:
    """Show which rows of a file are bad, and why."""
    console.print()
    rows = [(str(issue.line), issue.column or "", issue.what) for issue in report.issues[:_SHOWN_ISSUES]]
    title = f"{report.bad:,} rows make no question: {report.counted()}"
    print_table(title, ("line", "column", "what is wrong"), rows)
    if report.bad > _SHOWN_ISSUES:
        console.print(f"and {report.bad - _SHOWN_ISSUES:,} more")
