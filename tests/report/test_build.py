"""The page of a run: all that the run has, nothing that it lacks, and no harm to the run folder."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.forging import forge_analyses
from tests.made_run import HOSTILE, Made, make_run
from typer.main import get_command

from truthmap.cli.app import app
from truthmap.errors import RunFolderError, UsageError
from truthmap.files import write_json
from truthmap.pipeline.runner import run_study
from truthmap.positions import PAPER, Position
from truthmap.questions.columns import Columns
from truthmap.records import Site
from truthmap.report.build import page_of, write_report
from truthmap.report.facts import command
from truthmap.report.figure_kinds import FIGURES, RUN_FIGURES
from truthmap.report.figures import FigureChoice, draw_figure
from truthmap.report.maps import site_map
from truthmap.runs.data import RunData
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import Run, open_run
from truthmap.study.study import Study, kept_settings

MAP_FIGURES = [kind.name for kind in RUN_FIGURES[:8]]
"""Those that a made run has the numbers for."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "run", Made(n=120, layers=4))


class TextFeatures(HTMLParser):
    """Collects what a reader reads, the elements and the attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def read(path: Path) -> TextFeatures:
    words = TextFeatures()
    words.feed(path.read_text(encoding="utf-8"))
    return words


def maps_in(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', path.read_text(encoding="utf-8"))
    assert found is not None
    content: dict[str, Any] = json.loads(found.group(1))
    return content


def test_the_page_is_one_small_file_that_names_nothing_outside(run: Run) -> None:
    path = write_report(run)
    assert path == run.path / "report.html"
    assert path.stat().st_size < 8_000_000
    page = read(path)
    links = [value for name, value in page.attributes if name in ("src", "href", "action", "data")]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_the_same_run_gives_the_same_page(run: Run) -> None:
    assert write_report(run).read_bytes() == write_report(run).read_bytes()


def test_the_page_says_how_it_went(run: Run) -> None:
    text = " ".join("".join(read(write_report(run)).words).split())
    summary = run.summary
    scored = summary.right + summary.wrong
    for said in (
        f"120: {summary.right} right, {summary.wrong} wrong, {summary.unscored} unscored",
        f"{summary.right / scored:.1%} of the scored answers",
        "names no candidate",
        "<user>Which city is number 0?",
        f"AUC {summary.test.value:.2f}",
        "truthmap run --model made-model --questions 'made questions' --limit 120 --out runs/run",
    ):
        assert said in text


def test_counts_by_part_add_up(run: Run) -> None:
    parts = page_of(run).section("asked").tables[0]
    assert parts.columns == ("split", "right", "wrong", "unscored", "all")
    numbers = np.array([row[1:] for row in parts.rows], dtype=int)
    assert numbers[:, :3].sum(axis=1).tolist() == numbers[:, 3].tolist()
    summary = run.summary
    assert numbers.sum(axis=0).tolist() == [summary.right, summary.wrong, summary.unscored, 120]


def test_the_maps_on_the_page_are_the_tables(run: Run) -> None:
    maps = maps_in(write_report(run))
    grid = RunData.load(run).cells
    for name in ("auc", "low", "p_value", "n"):
        shown = [np.nan if value is None else value for value in maps["sites"][0]["columns"][name]]
        np.testing.assert_allclose(shown, grid[name], rtol=1e-5)


def test_what_a_run_lacks_is_left_out(tmp_path: Path) -> None:
    bare = make_run(tmp_path / "bare", Made(n=120, layers=4, with_controls=False, with_scores=False))
    maps = maps_in(write_report(bare))
    assert maps["sites"][0]["cells"] is None
    assert "p_value" not in maps["sites"][0]["columns"]
    said = " ".join(page_of(bare).section("narrative").points)
    assert "words of question" not in said
    assert "shuffled labels" not in said


def test_hostile_texts_change_neither_elements_nor_scripts(tmp_path: Path) -> None:
    peaceful = read(write_report(make_run(tmp_path / "a", Made(n=120, layers=4))))
    hostile_run = make_run(tmp_path / "b", Made(n=120, layers=4, texts=HOSTILE))
    hostile = read(write_report(hostile_run))
    for tag in ("script", "style", "img", "a", "section", "iframe", "b"):
        assert hostile.elements.count(tag) == peaceful.elements.count(tag)
    shown = json.dumps(maps_in(hostile_run.path / "report.html")["answers"])
    assert "window.hacked" in shown
    assert "\\u202e" not in shown


def write_analysis(run: Run, name: str, content: Any, frame: pd.DataFrame | None = None) -> Path:
    folder = run.path / "analyses"
    write_json(folder / f"{name}.json", content)
    if frame is not None:
        frame.to_parquet(folder / f"{name}.parquet")
    figure = Figure(figsize=(1, 1))
    figure.savefig(folder / f"{name}.svg")
    forge_analyses(run.path)
    return folder


def test_every_analysis_has_its_figure_its_table_and_its_numbers(run: Run) -> None:
    frame = pd.DataFrame({"method": ["=cmd", "<b>probe</b>"], "auc": [0.5, np.nan]})
    write_analysis(run, "compare", {"notes": ["no samples"]}, frame)
    write_analysis(run, "own_idea", {"value": 3})
    path = write_report(run)
    sections = [section for section in page_of(run).sections if section.name.startswith("analysis-")]
    assert [section.title for section in sections] == ["Against what needs no training", "Own idea"]
    compare = sections[0]
    assert compare.says == ("no samples",)
    assert compare.tables[0].rows == (("=cmd", "0.5"), ("<b>probe</b>", ""))
    assert compare.pictures[0].media_type == "image/svg+xml"
    assert [file.name for file in compare.downloads] == ["compare.json", "compare.csv"]
    assert compare.downloads[1].content.decode().splitlines()[1] == "'=cmd,0.5"
    page = path.read_text(encoding="utf-8")
    assert "<b>probe</b>" not in page
    assert "<b>probe</b>" in unescape(page)


def test_a_damaged_analysis_is_named_and_the_rest_is_shown(run: Run) -> None:
    folder = write_analysis(run, "compare", {})
    write_analysis(run, "select", {}, pd.DataFrame({"k": [1]}))
    (folder / "compare.json").write_bytes(b"\xff{")
    (folder / "errors.json").write_text("{}")
    (folder / "errors.parquet").write_text("not a table")
    forge_analyses(run.path)
    compare, errors, select = (page_of(run).section(f"analysis-{name}") for name in ("compare", "errors", "select"))
    assert "compare.json is damaged" in compare.fault
    assert "errors.parquet is damaged" in errors.fault
    assert select.tables
    write_report(run)
    (folder / "select.parquet").write_text("flipped")
    (folder / "own.json").write_text("{}")
    select, own = (page_of(run).section(f"analysis-{name}") for name in ("select", "own"))
    assert "select.parquet is damaged: it is not as it was written" in select.fault
    assert "own.json is not in the ledger of the run" in own.fault


def test_numbers_too_large_for_a_page_stay_in_the_run_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.report.embedding.LARGEST_FILE", 500)
    write_analysis(run, "errors", {}, pd.DataFrame({"text": ["x" * 100] * 100}))
    section = page_of(run).section("analysis-errors")
    assert [file.name for file in section.downloads] == ["errors.json"]
    assert "Too large for this page, in the run's folder analyses: errors.csv." in section.says
    assert len(section.tables[0].rows) == 60
    assert section.tables[0].about == "The first 60 of 100 rows"


def test_a_report_elsewhere_leaves_the_run_folder_as_it_is(run: Run, tmp_path: Path) -> None:
    before = sorted(run.path.iterdir())
    out = write_report(run, tmp_path / "page.html")
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(path for path in run.path.iterdir() if path.name != ".lock") == before


def test_a_report_made_anew_leaves_the_run_finished(done: Study) -> None:
    run = run_study(done)
    entry = RunFolder(run.path).entry("report")
    assert entry is not None
    assert list(entry.files) == ["report.html"]
    first = page_of(run).section("asked").verbatim[0].text
    assert first.startswith("<user>You are asked this. Which ")
    stages = page_of(run).section("repeat").tables[0].rows
    assert [row[0] for row in stages][:2] == ["questions", "answers"]
    assert all(float(row[2]) > 0 for row in stages)
    write_analysis(run, "compare", {"notes": ["something new"]})
    write_report(run)
    after = (run.path / "report.html").stat().st_mtime_ns
    run_study(done)
    assert (run.path / "report.html").stat().st_mtime_ns == after


def test_every_setting_of_a_study_can_be_repeated_on_the_command_line(run: Run) -> None:
    """The command on the page must be one that `truthmap run` takes, whatever the settings."""
    options = {name for p in get_command(app).commands["run"].params for name in p.opts}  # type: ignore[attr-defined]
    named = [name for name in Columns.model_fields if name != "right_at"]
    columns = Columns(**dict.fromkeys(named, "my column"), right_at=0.5)
    study = Study(
        model="m", out=run.path, sites=(Site.RESIDUAL, Site.MLP), trust_remote_code=True, seed=7, columns=columns
    )
    kept = kept_settings(study)
    other = {name: value for name, value in kept.items() if value is not None}
    filled = {name: other.get(name, "x") for name in kept}
    RunFolder(run.path).write_settings({**run.settings, "settings": filled})
    words = shlex.split(command(RunData.load(open_run(run.path))))
    assert {word for word in words if word.startswith("--")} <= options
    assert words.count("--site") == 2
    assert words.count("my column") == len(named)
    assert words[words.index("--right-at") + 1] == "0.5"
    assert words[words.index("--seed") + 1] == "7"
    assert "--trust-remote-code" in words


@pytest.mark.parametrize("kind", MAP_FIGURES)
def test_figures_of_the_map_are_drawn_from_saved_numbers(run: Run, kind: str) -> None:
    axes = draw_figure(run, kind, FigureChoice(title="A title"))
    assert axes.get_title() == "A title"
    figure = Figure()
    given = figure.add_subplot()
    assert draw_figure(run, kind, axes=given) is given


def test_a_figure_of_a_cell_shows_that_cell(run: Run) -> None:
    axes = draw_figure(run, "roc", FigureChoice(layer=1, position=Position.of("-1")))
    auc = site_map(RunData.load(run), Site.RESIDUAL).columns["auc"][1, PAPER.index(Position.of("-1"))]
    assert f"AUC {auc:.3f}" in axes.get_legend_handles_labels()[1][0]
    x, y = axes.lines[1].get_data()
    assert np.trapezoid(np.asarray(y), np.asarray(x)) == pytest.approx(auc, abs=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in FIGURES if kind not in MAP_FIGURES])
def test_a_figure_whose_numbers_are_not_there_says_how_to_get_them(run: Run, kind: str) -> None:
    with pytest.raises(RunFolderError, match=r"truthmap \w+|run the study again"):
        draw_figure(run, kind)


def test_figures_that_cannot_be_drawn_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no figure 'pie'; there are map, "):
        draw_figure(run, "pie")
    with pytest.raises(UsageError, match="has no site attention; it has residual"):
        draw_figure(run, "map", FigureChoice(site=Site.ATTENTION))
    with pytest.raises(UsageError, match="there is no layer 4; the map has layers 0 to 3"):
        draw_figure(run, "roc", FigureChoice(layer=4))
    bare = make_run(tmp_path / "bare", Made(n=120, layers=4, with_controls=False, with_scores=False))
    with pytest.raises(RunFolderError, match="has no column p_value; run the study again"):
        draw_figure(bare, "significance")
    with pytest.raises(RunFolderError, match="keeps no scores of its cells"):
        draw_figure(bare, "roc")
