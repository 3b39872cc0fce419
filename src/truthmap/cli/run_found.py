"""What `truthmap run` and `truthmap show` say of a run, as data: its summary, its grades, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from truthmap.analyses.audit.twice import GradedTwice, read_comparison
from truthmap.cli.output_summary import how_sure, how_well, next_step, worst_control_of
from truthmap.cli.replies import ReplyModel
from truthmap.grading.audit_record import Audit
from truthmap.records import Outcome
from truthmap.report.facts import findings_of
from truthmap.report.maps import site_map
from truthmap.runs.data import RunData
from truthmap.runs.file_names import GRID, HEATMAP_PNG, REPORT
from truthmap.runs.run import Run
from truthmap.runs.summary import Summary


class RunFound(ReplyModel):
    """What a run found.

    Attributes:
        run: Its folder or URL.
        outcomes: Graded answers by outcome.
        audit: What is known of the grades.
        graded_twice: How a second grading agrees, if there was one.
        summary: The map in short; `None`: it has none.
        why_no_map: Why it has none.
        how_well, how_sure: What that means, in sentences.
        worst_control: The worst that `truthmap controls` found, if it was asked.
        next_command: What to type next.
        tracked: Where trackers show it (`--track`), a line each.
        report, heatmap, grid: Files to look at; the last two `None` where there is no map.
    """

    run: str
    outcomes: dict[Outcome, int]
    audit: Audit
    graded_twice: GradedTwice | None
    summary: Summary | None
    why_no_map: str | None
    how_well: str | None
    how_sure: str | None
    worst_control: str | None
    next_command: str
    tracked: tuple[str, ...]
    report: str
    heatmap: str | None
    grid: str | None


def run_found(run: Run, tracked: Sequence[str] = ()) -> RunFound:
    """Return what a run found, one that has no map included."""
    data, address = RunData.load(run), run.address
    counts = Counter(grade.outcome for grade in data.grades)
    quoted = shlex.quote(address)
    found = RunFound(
        run=address,
        outcomes={outcome: counts[outcome] for outcome in Outcome},
        audit=data.audit,
        graded_twice=None,
        summary=None,
        why_no_map=run.why_no_map,
        how_well=None,
        how_sure=None,
        worst_control=None,
        next_command=f"truthmap show {quoted} --export answers.csv",
        tracked=tuple(tracked),
        report=f"{address}/{REPORT}",
        heatmap=None,
        grid=None,
    )
    if run.why_no_map is not None:
        return found
    findings = findings_of(data, site_map(data, data.summary.site))
    _, command = next_step(findings)
    return found.model_copy(
        update={
            "graded_twice": read_comparison(run),
            "summary": data.summary,
            "how_well": how_well(findings),
            "how_sure": how_sure(findings),
            "worst_control": worst_control_of(run),
            "next_command": command.format(run=quoted),
            "heatmap": f"{address}/{HEATMAP_PNG}",
            "grid": f"{address}/{GRID}",
        }
    )
