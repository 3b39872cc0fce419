"""Real analyses of a real (tiny) run on its page, and their figures drawn anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.forging import forge_ledger

from truthmap.analyses.compare.run import compare_run
from truthmap.analyses.diff.run import diff_runs
from truthmap.analyses.errors.run import type_errors
from truthmap.analyses.labels.run import map_labels
from truthmap.analyses.samples.run import SampleSettings, sample_answers
from truthmap.analyses.select.run import select_answers
from truthmap.pipeline.seal import seal_detector
from truthmap.report.build import page_of, write_report
from truthmap.report.figure_kinds import ANALYSIS_FIGURES
from truthmap.report.figures import FigureChoice, draw_figure
from truthmap.report.page import Page, PageSection
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run


def found_by(page: Page) -> dict[str, PageSection]:
    """Return the sections of analyses and detector by name."""
    known = {"narrative", "map", "asked", "words", "repeat"}
    return {section.name: section for section in page.sections if section.name not in known}


@pytest.fixture
def analysed(finished: Run, made_once: Path) -> Run:
    sample_answers(finished, SampleSettings(k=4, temperature=0.6))
    compare_run(finished, ask_model=False)
    type_errors(finished)
    select_answers(finished)
    diff_runs(Run(run_folder(made_once)), finished, finished.path / ANALYSES)
    seal_detector(finished, finished.path / "detector")
    return finished


def test_every_analysis_is_on_the_page_with_all_it_has(analysed: Run) -> None:
    page = page_of(analysed)
    sections = found_by(page)
    assert list(sections) == [
        "analysis-compare", "analysis-errors", "analysis-select", "analysis-diff", "detector",
    ]  # fmt: skip
    for section in sections.values():
        assert not section.fault
        assert section.pictures
        assert section.tables
        assert section.downloads
    differs = sections["analysis-diff"].tables[0]
    assert (differs.about, differs.rows[-1][0]) == ("finished minus run", "clearest difference")
    detector = sections["detector"]
    assert detector.says[0].startswith("Guarantee: selective risk at most 10%")
    assert {row[0] for row in detector.tables[0].rows} >= {"answer"}
    assert write_report(analysed).stat().st_size < 8_000_000
    kinds = [kind for kind, analysis in ANALYSIS_FIGURES.items() if f"analysis-{analysis.name}" in sections]
    assert len(kinds) >= len(sections) - 1
    for kind in kinds:
        assert draw_figure(analysed, kind, FigureChoice(title="A title")).get_title() == "A title"
    assert any("paired difference" in sentence for sentence in page.section("narrative").points)


def test_a_map_of_labels_says_where_each_is_read(finished: Run) -> None:
    labels = {
        i: ("a <b>", "b", "c")[n % 3]
        for n, i in enumerate([answer.question_id for answer in RunData.load(finished).answers])
    }
    found = map_labels(finished, "kind", labels, permutations=0)
    section = page_of(finished).section("analysis-labels-kind")
    assert section.title == "Other labels: kind"
    summary, cells = section.tables
    assert summary.about.startswith("kind: ")
    assert [row[:2] for row in summary.rows] == [(score.label, str(score.n)) for score in found.scores]
    assert len(cells.rows) > len(summary.rows)
    name = finished.path / ANALYSES / "labels-kind.json"
    name.write_text('{"scores": [{"label": 3}], "notes": ["mine"]}')
    forge_ledger(finished.path)
    strange = page_of(finished).section("analysis-labels-kind")
    assert (strange.fault, [table.about for table in strange.tables]) == ("", [cells.about])


def test_a_damaged_detector_is_named_and_the_rest_is_shown(finished: Run) -> None:
    folder = finished.path / "detector"
    seal_detector(finished, folder)
    (folder / "config.json").write_text("{")
    section = page_of(finished).section("detector")
    assert section.fault.startswith("The detector cannot be shown: ")


def test_the_audits_warnings_are_on_the_page(finished: Run) -> None:
    path = finished.path / "audit.json"
    audit = RunData.load(finished).audit.model_copy(update={"warnings": ("The place tells <b>too</b> much.",)})
    path.write_text(audit.model_dump_json())
    forge_ledger(finished.path)
    page = page_of(Run(run_folder(finished.path)))
    assert page.section("asked").warnings == ("The place tells <b>too</b> much.",)
    assert "The place tells &lt;b&gt;too&lt;/b&gt; much." in write_report(Run(run_folder(finished.path))).read_text()
