"""What a run found, at its end: the numbers, and then how well, how sure, and what to do next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from truthmap.analyses.audit.command import audit_rows, twice_rows
from truthmap.metrics.rival import Rival
from truthmap.probes.protocols import info_of
from truthmap.questions.groups import group_questions
from truthmap.runs.file_names import ANALYSES, GRID, HEATMAP_PNG, REPORT
from truthmap.runs.ledger import analysis_entry
from truthmap.runs.row_count import rows_counted
from truthmap.runs.run import Run
from truthmap.runs.summary import Summary
from truthmap.terminal.output import print_lines, print_table

if TYPE_CHECKING:
    from truthmap.report.narrative import Findings
    from truthmap.runs.data import RunData


def print_summary(run: Run) -> None:
    """Print what a run found: its numbers, then how well, how sure, the next command, and the worst control."""
    from truthmap.analyses.audit.twice import read_comparison
    from truthmap.report.facts import findings_of
    from truthmap.report.maps import site_map
    from truthmap.runs.data import RunData

    data = RunData.load(run)
    summary = data.summary
    info = info_of(summary.protocol)
    findings = findings_of(data, site_map(data, summary.site))
    print_table(
        summary.headline,
        ("", ""),
        [
            *_answers(data),
            *audit_rows(data.audit),
            *twice_rows(read_comparison(run)),
            ("Best cell", f"layer {summary.layer}, {summary.position} ({summary.site}, C = {summary.C:g})"),
            ("  AUC where chosen", f"{summary.validation} ({info.scoring}, {summary.validation.n} answers)"),
            ("  AUC on test", f"{summary.test} ({summary.test.n} other answers)"),
            *_controls(summary),
            *([("Protocol", info.description)] if info.description else []),
            *_contents(summary),
            ("Probes converged", f"{summary.converged:.1%}"),
        ],
    )
    step, command = next_step(findings)
    print_table(
        "",
        ("", ""),
        [
            ("How well", how_well(findings)),
            ("How sure", how_sure(findings)),
            *[("Note", f"{warning}.") for warning in data.audit.warnings],
            ("To look at", f"{run.address}/{REPORT}"),
            ("", f"{run.address}/{HEATMAP_PNG}"),
            ("", f"{run.address}/{GRID}"),
            ("What next", f"{step}:"),
        ],
    )
    print_lines([f"  {command.format(run=shlex.quote(run.address))}"])
    worst = worst_control_of(run)
    if worst is not None:
        print_lines([""])
        print_table(
            "", ("", ""), [("Worst control", worst), ("", f"all of them: {run.address}/{ANALYSES}/controls.png")]
        )


def worst_control_of(run: Run) -> str | None:
    """Return the worst that the run's controls found; `None` without any, and then nothing is loaded to read them."""
    if run.folder.entry(analysis_entry("controls")) is None:
        return None
    from truthmap.analyses.controls.saved import worst_control

    return worst_control(run)


def how_well(findings: Findings) -> str:
    """Return one sentence: where the outcome is read best, or that it is not shown to be read anywhere."""
    from truthmap.report.narrative import best_place

    return best_place(findings).text


def how_sure(findings: Findings) -> str:
    """Return what the best place has to be held against, in a sentence each: shuffled labels, words, free scores."""
    from truthmap.report.narrative import how_sharp, own_confidence, text_alone

    said = (how_sharp(findings), text_alone(findings), own_confidence(findings))
    return " ".join(sentence.text for sentence in said if sentence is not None)


def next_step(findings: Findings) -> tuple[str, str]:
    """Return what to do next, in words and as a command in which `{run}` stands for the run."""
    if not findings.is_shown:
        return "more questions may show more (a larger --limit, or another set); see what went wrong with", (
            "truthmap report {run}"
        )
    if findings.own_answers:
        return "hold it against everything else that can be asked of the model", "truthmap compare {run}"
    return "seal the best cell as a detector of wrong answers", "truthmap detector {run}"


def _answers(data: RunData) -> list[tuple[str, str]]:
    summary = data.summary
    scored = summary.right + summary.wrong
    rows = rows_counted(scored + summary.unscored, len(data.questions))
    refusals = f" ({summary.refusals} refusals)" if summary.refusals else ""
    said = f"{summary.right} right, {summary.wrong} wrong{refusals}, {summary.unscored} unscored"
    return [
        ("Questions", group_questions(data.questions).described()),
        ("Answers", f"{rows}: {said} ({summary.right / scored:.0%} of the scored ones right)"),
        ("Exact answer found", f"in {summary.found_right:.0%} of the right, {summary.found_wrong:.0%} of the wrong"),
    ]


def _contents(summary: Summary) -> list[tuple[str, str]]:
    """Return what the best cell's column and the last one hold, where they mix kinds of tokens; how answers ended."""
    shown = {summary.position, *(each.position for each in summary.columns[-1:])}
    mixed = [each for each in summary.columns if each.position in shown and each.is_mixed]
    rows = [(f"Column {each.position}", f"holds {each.told}") for each in mixed]
    endings = summary.endings
    if endings is not None and endings.differ:
        rows.append(("How answers ended", endings.told))
    return rows


def _controls(summary: Summary) -> list[tuple[str, str]]:
    """Return the rows that tell what the best cell's AUC is to be held against."""
    rows = [
        *_rival("  best text baseline", summary.text_baseline),
        *_rival("  best free score", summary.free_score),
        *_rival("  before answering", summary.before_answering),
    ]
    if summary.p_value is not None and summary.null_95 is not None:
        shuffled = f"{summary.null_95:.3f} at most in 95 % of the shuffles, anywhere on the map"
        rows.append(("  shuffled labels", f"{shuffled} (p = {summary.p_value:.2g})"))
    if summary.within is not None:
        text = "" if summary.within.text is None else f"; the words {summary.within.text}"
        pairs = f"over {summary.within.probe.n:,} pairs right / wrong"
        rows.append(("  same exact answer", f"{summary.within.probe} on test {pairs}{text}"))
    stack = summary.stack
    if stack is not None:
        gain = stack.gain.signed
        verdict = f"test {stack.test}" if stack.chosen else "not beyond noise, so one cell stands"
        rows.append((f"  {len(stack.cells)} cells together", f"{stack.validation} where chosen ({gain}): {verdict}"))
    return rows


def _rival(name: str, rival: Rival | None) -> list[tuple[str, str]]:
    """Return a rival's row: its test AUC, and what it is."""
    return [] if rival is None else [(name, f"{rival.test} on test ({rival.name})")]
