"""The table at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from truthmap.runs.file_names import GRID, HEATMAP_PNG, REPORT
from truthmap.runs.run import Run, Summary

if TYPE_CHECKING:
    from truthmap.grading.audit import Audit, Located


def _controls(summary: Summary) -> list[tuple[str, str]]:
    """Return the rows that tell what the best cell's AUC is to be held against."""
    rows = []
    if summary.p_value is not None and summary.null_95 is not None:
        shuffled = f"{summary.null_95:.3f} at most in 95 % of the shuffles, anywhere on the map"
        rows.append(("  shuffled labels", f"{shuffled} (p = {summary.p_value:.2g})"))
    if summary.text_baseline is not None:
        rows.append(("  text baseline", f"{summary.text_baseline:.3f} on the validation answers"))
    if summary.within_auc is not None:
        rows.append(
            ("  same exact answer", f"{summary.within_auc:.3f} over {summary.within_pairs} pairs right / wrong")
        )
    stack = summary.stack
    if stack is not None:
        gain = stack.gain.signed
        verdict = f"test {stack.test}" if stack.chosen else "not beyond noise, so one cell stands"
        rows.append((f"  {len(stack.cells)} cells together", f"{stack.validation} on validation ({gain}): {verdict}"))
    return rows


def print_summary(run: Run) -> None:
    """Print what a run found, in one short table."""
    from truthmap.probes.recipes import recipe_named  # brings torch, which `--help` does without
    from truthmap.runs.data import RunData

    summary, audit = run.summary, RunData.load(run).audit
    info = recipe_named(summary.protocol).info
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
        ("  AUC on validation", f"{summary.validation} ({info.scoring}, {summary.validation.n} answers)"),
        ("  AUC on test", f"{summary.test} ({summary.test.n} answers; optimism {summary.optimism:+.3f})"),
        (
            "  log-probability",
            f"{summary.log_prob} on the same test answers" if summary.log_prob else "no log-probabilities",
        ),
        *_controls(summary),
        *([("Protocol", info.description)] if info.description else []),
        ("Probes converged", f"{summary.converged:.1%}"),
        ("Map", f"{run.address}/{HEATMAP_PNG}"),
        ("Numbers", f"{run.address}/{GRID}"),
        ("Report", f"{run.address}/{REPORT}"),
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
        rows.append(("  AUC of its place alone", str(audit.place)))
    if audit.unscored:
        rows.append(("Unscored because", "; ".join(f"{why} ({n})" for why, n in audit.unscored.items())))
    return rows


def _place(located: Located) -> str:
    if located.start is None or located.length is None:
        return "none found"
    return f"from token {located.start:.1f}, {located.length:.1f} long"
