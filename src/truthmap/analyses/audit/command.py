"""`truthmap audit`: how grading agrees with a person, and what its errors can do to the AUC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, SavedResult, SummaryTable
from truthmap.records import Outcome
from truthmap.terminal.completion import runs
from truthmap.terminal.output import print_lines, print_tables
from truthmap.terminal.reply import Reply, replies, tell

if TYPE_CHECKING:
    from truthmap.analyses.audit.measure import Agreement
    from truthmap.analyses.audit.reply import AuditReply
    from truthmap.analyses.audit.twice import AucTwice, GradedTwice
    from truthmap.grading.audit_record import Audit, Located

_MOST_REASONS = 3


@replies("truthmap.analyses.audit.reply:AuditReply")
def audit(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="A run, or its audit.csv wherever it is", show_default=False, autocompletion=runs
        ),
    ],
    auc: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The AUC to speak of", show_default="the run's best cell on the test part"),
    ] = None,
) -> None:
    """Say how far a run's grades can be trusted; compare them with yours.

    Of a run: what its audit found, and how a second grading (`truthmap run --second-grading`) agrees.

    To compare, write right or wrong into the column outcome_by_hand of RUN/audit.csv, for as many rows as you like,
    and, if you like, into exact_answer_by_hand whether the exact answer is the right piece of the answer.
    """
    from truthmap.analyses.audit.reply import audit_reply

    found, fault = audit_reply(file, auc)
    tell(Reply(found, lambda: _show(found)))
    if fault is not None:
        raise fault


def _show(found: AuditReply) -> None:
    if found.audit is not None:
        second = () if found.graded_twice is None else summarize(found.graded_twice)
        print_tables((SummaryTable(found.run, ("", ""), tuple(audit_rows(found.audit))), *second))
        says = () if found.graded_twice is None else found.graded_twice.says
        print_lines([*(f"Note: {note}." for note in found.audit.warnings), *says])
    if found.agreement is not None:
        (by_hand,) = summarize_by_hand(found.agreement)
        print_tables((by_hand._replace(title=found.sample),))


def summarize_by_hand(found: Agreement) -> tuple[SummaryTable, ...]:
    """Return how the grades agree with a person's, as facts."""
    kappa = "" if found.kappa is None else f", Cohen's kappa {found.kappa:.2f}"
    rows = [
        ("Rows filled in", str(found.rows)),
        ("Graded right, wrong by hand", found.falsely_right.counted),
        ("Graded wrong, right by hand", found.falsely_wrong.counted),
        ("Agreement over the run", f"{found.agreement:.1%}{kappa}"),
    ]
    if found.unscored_right.n:
        rows.append(("Unscored, right by hand", found.unscored_right.counted))
    if found.good_spans.n:
        rows.append(("Exact answers well located", found.good_spans.counted))
    if found.auc is not None:
        rows.append(("AUC against the grades", f"{found.auc.measured:.3f}"))
        rows.append(("AUC against true labels", _corrected(found)))
        rows.append(("  however the errors lie", f"between {found.auc.least:.3f} and {found.auc.most:.3f}"))
    return (SummaryTable("Grades and labels by hand", ("", ""), tuple(rows)),)


def _corrected(found: Agreement) -> str:
    auc = found.auc
    if auc is None or auc.corrected is None:
        return "cannot be said: the grades are no better than chance"
    return f"{auc.corrected}, if grading errs without regard to the score"


def audit_rows(audit: Audit) -> list[tuple[str, str]]:
    """Return the lines of the table that say how far the grades can be trusted."""
    rows = [("  its place and length", f"right: {_place(audit.right)}; wrong: {_place(audit.wrong)}")]
    if audit.compared:
        rows.append(("  says the accepted answer", f"{audit.agreeing} of {audit.compared} right answers"))
    if audit.place is not None:
        rows.append(("  AUC of its place alone", str(audit.place)))
    if audit.unscored:
        listed = list(audit.unscored.items())
        more = len(listed) - _MOST_REASONS
        shown = [f"{why} ({n})" for why, n in listed[:_MOST_REASONS]]
        rows.append(("Unscored because", "; ".join([*shown, *([f"{more} more reasons"] if more > 0 else [])])))
    return rows


def _place(located: Located) -> str:
    if located.start is None or located.length is None:
        return "none found"
    return f"from token {located.start:.1f}, {located.length:.1f} long"


def twice_rows(found: GradedTwice | None) -> list[tuple[str, str]]:
    """Return the lines that say how a second grading agrees; none where there is none."""
    if found is None:
        return []
    kappa = "not defined" if found.kappa is None else str(found.kappa)
    rows = [
        (f"Graded again by {found.second}", f"agreement {found.agreement.counted}"),
        ("  Cohen's kappa", kappa),
        *_auc_rows("cross-validated", found.validation),
        *_auc_rows("on test", found.test),
    ]
    if found.cost is not None:
        rows.append(("  what the judge took", str(found.cost)))
    return rows


def _auc_rows(where: str, found: AucTwice | None) -> list[tuple[str, str]]:
    if found is None:
        return []
    agreeing = "" if found.agreeing is None else f"; where both agree {found.agreeing} ({found.agreeing.n})"
    both = f"{found.first} and {found.second} ({found.difference.signed})"
    return [(f"  AUC under both, {where}", f"{both}{agreeing}")]


def summarize(found: GradedTwice) -> tuple[SummaryTable, ...]:
    """Return how two gradings agree, and where their outcomes fall."""
    counts = tuple((str(one), *(str(found.counts[one][other]) for other in Outcome)) for one in Outcome)
    return (
        SummaryTable(f"{found.first}, and again {found.second}", ("", ""), tuple(twice_rows(found))),
        SummaryTable("Answers by both outcomes", (f"{found.first} \\ {found.second}", *map(str, Outcome)), counts),
    )


ANALYSIS = Analysis(
    "audit",
    audit,
    SavedResult("Graded twice", "truthmap.analyses.audit.twice:GradedTwice", summarize),
)
