"""The stage that puts everything a run found on one page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from truthmap.analyses.results import FOLDER, read_analysis
from truthmap.errors import TruthmapError
from truthmap.metrics.auc import auc_from_counts
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.within_group_auc import within_auc
from truthmap.positions import column_of
from truthmap.report.embedding import plotly_source, script_json, table_csv
from truthmap.report.facts import asked, command, counts, first_prompt, repeat
from truthmap.report.maps import SiteMap, pack_maps
from truthmap.report.narrative import Findings, sentences
from truthmap.report.page import Download, Page, Picture, write_page
from truthmap.report.page_detector import detector_sections
from truthmap.report.page_maps import shown_answers, site_maps
from truthmap.report.sections import Room, analysis_sections
from truthmap.runs.run import Run

REPORT = "report.html"
_STAGE = "report"
_AUDIT = "audit.json"
_LOG_PROB = "log-prob, mean"
_LARGEST_PAGE = 7_500_000  # bytes; the texts around maps and files take a little more


def write_report(run: Run, out: Path | None = None) -> Path:
    """Write the page of a finished run anew, with whatever analyses it has by now.

    Args:
        run: A finished run.
        out: Where to write; by default `report.html` in the run folder.

    Returns:
        The page's path.

    Raises:
        RunFolderError: another process is working in the run folder.
        DamagedFileError: a file of the run does not hold what it should.
        StorageError: the page cannot be written.
    """
    if out is not None:
        write_page(page_of(run), out)
        return out
    folder, path = run.folder, run.folder / REPORT
    with folder.held():
        started = time.perf_counter()
        write_page(page_of(run), path)
        entry = folder.entry(_STAGE)
        if entry is not None:
            # The ledger knows the page by its digest: the next `truthmap run` must not take it for a broken one.
            folder.finish(_STAGE, entry.key, [REPORT], time.perf_counter() - started, entry.note)
    return run.path / REPORT


def page_of(run: Run) -> Page:
    """Collect what the page says from the saved records of a run."""
    summary = run.summary
    maps = site_maps(run)
    packed = pack_maps(maps, shown_answers(run), (summary.site, summary.layer, summary.position))
    room = Room(_LARGEST_PAGE - len(plotly_source()) - len(script_json(packed)))
    return Page(
        title=f"{summary.model} on {summary.questions}",
        meaning=sentences(findings_of(run, maps[0])),
        asked=asked(run),
        prompt=first_prompt(run),
        warnings=run.audit.warnings if (run.path / _AUDIT).is_file() else (),
        tables=counts(run),
        maps=packed,
        map_picture=_map_picture(run, room),
        analyses=(*analysis_sections(run, room), *detector_sections(run, room)),
        command=command(run),
        repeat=repeat(run),
        downloads=tuple(file for file in _downloads(run) if room.take(len(file.content))),
    )


def findings_of(run: Run, best: SiteMap) -> Findings:
    """Return the numbers that the sentences are made from; `best` is the map of the chosen cell's site."""
    summary, columns = run.summary, best.columns
    at = (summary.layer, column_of(best.positions, summary.position))
    return Findings(
        site=summary.site,
        layer=summary.layer,
        position=summary.position,
        validation=summary.validation,
        test=summary.test,
        positions=best.positions,
        auc=columns["auc"],
        low=columns["low"],
        high=columns["high"],
        n=columns["n"],
        log_prob=summary.log_prob,
        log_prob_gain=_log_prob_gain(run),
        p_value=columns.get("p_value"),
        text_baseline=_text_baseline(best, at),
        within=_within(run, best, at),
    )


def _text_baseline(best: SiteMap, at: tuple[int, int]) -> Estimate | None:
    """Return what the text alone reaches on the answers of one cell."""
    if "text_baseline_auc" not in best.columns or not np.isfinite(best.columns["text_baseline_auc"][at]):
        return None
    n, n_right = int(best.columns["n"][at]), int(best.columns["n_right"][at])
    return auc_from_counts(float(best.columns["text_baseline_auc"][at]), n_right, n - n_right)


def _within(run: Run, best: SiteMap, at: tuple[int, int]) -> Estimate | None:
    """Return the AUC within one exact answer of one cell, with its interval."""
    if best.scores is None:
        return None
    cell = best.scores.cell(*at)
    meaning = {grade.question_id: grade.canonical for grade in run.grades()}
    return within_auc(cell.log_odds, cell.y, [meaning[i] for i in cell.ids], "report")


def _log_prob_gain(run: Run) -> Estimate | None:
    """Return the probe's paired gain over the mean log-probability, where the run was compared with it."""
    from truthmap.analyses.compare.measure import Comparison

    if not (run.path / FOLDER / "compare.json").is_file():
        return None
    try:
        comparison = read_analysis(run.folder / FOLDER, "compare", Comparison)
        against = comparison.method(_LOG_PROB).difference
    except (TruthmapError, KeyError):
        return None  # the section of the comparison says what is wrong with it
    return Estimate(value=-against.value, low=-against.high, high=-against.low, n=against.n)


def _map_picture(run: Run, room: Room) -> Picture | None:
    path = run.path / "heatmap.png"
    if not path.is_file() or not room.take(path.stat().st_size):
        return None
    best = run.summary
    shows = f"Map of layers and tokens; the best cell is layer {best.layer}, {best.position}, AUC {best.validation}"
    return Picture(shows, "image/png", path.read_bytes())


def _downloads(run: Run) -> tuple[Download, ...]:
    cells = run.cells()
    rows: Any = cells.itertuples(index=False)
    grid = Download("grid.csv", "text/csv", table_csv(tuple(map(str, cells.columns)), rows))
    summary = Download("summary.json", "application/json", (run.path / "summary.json").read_bytes())
    return grid, summary
