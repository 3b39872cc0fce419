"""The table at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from truthmap.runs.run import Run, Summary

if TYPE_CHECKING:
    from truthmap.grading.audit import Audit, Located


def _scored_how(summary: Summary) -> str:
    return "cross-validated" if summary.protocol == "truthmap" else "a fifth held out"


def _controls(summary: Summary) -> list[tuple[str, str]]:
    """Return the rows that tell what the best cell's AUC is to be held against."""
    rows = []
    if summary.p_value is not None and summary.null_95 is not None:
        shuffled = f"{summary.null_95:.3f} at most in 95 % of the shuffles, anywhere on the map"
        rows.append(("  shuffled labels", f"{shuffled} (p = {summary.p_value:.2g})"))
    if summary.words is not None:
        rows.append(("  words alone", f"{summary.words:.3f} on the validation answers"))
    if summary.within_auc is not None:
        rows.append(
            ("  same exact answer", f"{summary.within_auc:.3f} over {summary.within_pairs} pairs right / wrong")
        )
    several = summary.several
    if several is not None:
        gain = f"{several.gain:+.3f} [{several.gain_low:+.3f}, {several.gain_high:+.3f}]"
        verdict = f"test {several.test}" if several.chosen else "not beyond noise, so one cell stands"
        rows.append(
            (f"  {len(several.cells)} cells together", f"{several.validation} on validation ({gain}): {verdict}")
        )
    if summary.protocol == "study":
        rows.append(("Protocol", "the original study's: raw states, C = 1, 100 iterations, gold exact answers"))
    return rows


def print_summary(run: Run) -> None:
    """Print what a run found, in one short table."""
    from truthmap.runs.data import RunData

    summary, audit = run.summary, RunData.load(run).audit
    total = summary.right + summary.wrong + summary.unscored
    scored = summary.right + summary.wrong
    table = Table(title=f"{summary.model} on {summary.questions}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    rows = [
        (
            "Answers",
            f"{total}: {summary.right} right, {summary.wrong} wrong"
            + (f" ({summary.refusals} refusals)" if summary.refusals else "")
            + f", {summary.unscored} unscored ({summary.right / scored:.0%} of the scored ones right)",
        ),
        ("Exact answer found", f"{summary.found_right:.0%} of the right, {summary.found_wrong:.0%} of the wrong"),
        *audit_rows(audit),
        ("Best cell", f"layer {summary.layer}, {summary.position} ({summary.site}, C = {summary.C:g})"),
        ("  AUC on validation", f"{summary.validation} ({_scored_how(summary)}, {summary.validation.n} answers)"),
        ("  AUC on test", f"{summary.test} ({summary.test.n} answers; optimism {summary.optimism:+.3f})"),
        (
            "  log-probability",
            f"{summary.log_prob} on the same test answers" if summary.log_prob else "no log-probabilities",
        ),
        *_controls(summary),
        ("Probes converged", f"{summary.converged:.1%}"),
        ("Map", f"{run.address}/heatmap.png"),
        ("Numbers", f"{run.address}/grid.parquet"),
        ("Report", f"{run.address}/report.html"),
    ]
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    console = Console()
    console.print(table)
    for warning in audit.warnings:
        console.print(Text(f"Note: {warning}."))


def audit_rows(audit: Audit) -> list[tuple[str, str]]:
    """Return the lines of the table that say how far the grades can be trusted."""
    rows = [("  its place and length", f"right: {_place(audit.right)}; wrong: {_place(audit.wrong)}")]
    if audit.compared:
        rows.append(("  says the accepted answer", f"{audit.agreeing} of {audit.compared} right answers"))
    if audit.place is not None:
        place = audit.place
        rows.append(("  AUC of its place alone", f"{place.auc:.3f} [{place.low:.3f}, {place.high:.3f}]"))
    if audit.unscored:
        rows.append(("Unscored because", "; ".join(f"{why} ({n})" for why, n in audit.unscored.items())))
    return rows


def _place(located: Located) -> str:
    if located.start is None or located.length is None:
        return "none found"
    return f"from token {located.start:.1f}, {located.length:.1f} long"
