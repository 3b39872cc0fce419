"""`truthmap audit`: how grading agrees with a person, and what its errors can do to the AUC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truthmap.analyses.base import Analysis, SummaryTable
from truthmap.runs.file_names import AUDIT_SAMPLE
from truthmap.terminal.completion import runs
from truthmap.terminal.output import print_tables

if TYPE_CHECKING:
    from truthmap.analyses.audit.measure import Agreement


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
    """Compare a run's grades with yours.

    Write right or wrong into the column outcome_by_hand of RUN/audit.csv, for as many rows as you like, and, if you
    like, into exact_answer_by_hand whether the exact answer is the right piece of the answer.
    """
    from truthmap.analyses.audit.run import audit_file

    filled = file / AUDIT_SAMPLE if file.is_dir() else file
    print_tables((SummaryTable(str(filled), ("", ""), tuple(_rows(audit_file(filled, auc)))),))


def _rows(found: Agreement) -> list[tuple[str, str]]:
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
    return rows


def _corrected(found: Agreement) -> str:
    auc = found.auc
    if auc is None or auc.corrected is None:
        return "cannot be said: the grades are no better than chance"
    return f"{auc.corrected}, if grading errs without regard to the score"


ANALYSIS = Analysis("audit", audit)
