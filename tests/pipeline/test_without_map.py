"""A run from whose answers no map can be drawn is a state of its own: opened, shown, exported, and gone on from."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from truthmap.cli.app import app
from truthmap.errors import NotEnoughDataError, RunFolderError
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Outcome, Question
from truthmap.report.build import page_of, write_report
from truthmap.runs.data import RunData
from truthmap.runs.run import Run, open_run
from truthmap.study.study import Study, with_settings

N = 24


@pytest.fixture(scope="module")
def study(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(
        model=str(tiny_model), questions=_questions(spoken, right=True), max_new_tokens=10, permutations=2,
        out=tmp_path_factory.mktemp("none") / "run", device="cpu",
    )  # fmt: skip


def _questions(spoken: QuestionSet, *, right: bool) -> list[Question]:
    """Return questions all answers to which are right (or unscored); one of them says what a spreadsheet would run."""
    names = tuple(names[0] for names in spoken.questions[0].candidates or ())
    accepted = names if right else ("Nowhere",)
    made = [replace(q, accepted=accepted) for q in spoken.questions[:N]]
    return [replace(made[0], text=f"=1+1 {made[0].text}"), *made[1:]]


@pytest.fixture(scope="module")
def run(study: Study) -> Run:
    with pytest.raises(NotEnoughDataError) as caught:
        run_study(study)
    said = str(caught.value)
    assert said.startswith(
        "all scored answers are right: a map needs both right and wrong answers; ask harder questions"
    )
    assert f"{N} answers: " in said
    assert f"open {study.out}/report.html, or `truthmap show {study.out}`" in said
    return open_run(study.out)


def test_its_answers_and_grades_are_opened(run: Run) -> None:
    data = RunData.load(run)
    assert len(data.answers) == len(data.grades) == N
    assert {grade.outcome for grade in data.grades} <= {Outcome.RIGHT, Outcome.UNSCORED}
    assert data.audit.right.n > 0
    assert data.dataset(1, "last_q").y.all()
    assert run.why_no_map is not None


def test_what_needs_a_map_says_why_there_is_none(run: Run) -> None:
    data = RunData.load(run)
    for asked in (lambda: run.summary, lambda: data.cells, lambda: data.grid(), lambda: data.sites):
        with pytest.raises(NotEnoughDataError, match=r"has no map: all scored answers are right: .*truthmap show"):
            asked()
    result = CliRunner().invoke(app, ["detector", str(run.path)])
    assert "has no map" in str(result.exception)


def test_its_page_has_the_reason_and_the_answers(run: Run) -> None:
    page = page_of(run)
    assert [section.name for section in page.sections] == ["no-map", "answers"]
    assert page.section("no-map").says[0] == run.why_no_map
    assert len(page.section("answers").tables[0].rows) == N
    html = write_report(run).read_text()
    assert "There is no map" in html
    assert "=1+1 Which" in html


def test_it_is_shown_and_exported_by_the_command(run: Run, tmp_path: Path) -> None:
    shown = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["show", str(run.path)])
    assert shown.exit_code == 0
    assert "none: all scored answers are right" in " ".join(shown.output.split())
    out = tmp_path / "answers.csv"
    assert CliRunner().invoke(app, ["show", str(run.path), "--export", str(out)]).exit_code == 0
    rows = list(csv.DictReader(out.read_text().splitlines(keepends=True)))
    grades = RunData.load(run).grades
    assert [(row["question_id"], row["outcome"]) for row in rows] == [(g.question_id, str(g.outcome)) for g in grades]
    assert rows[0]["question"].startswith("'=1+1 Which")


def test_the_same_again_asks_nothing_and_ends_the_same(run: Run, study: Study) -> None:
    before = (run.path / "answers.parquet").stat().st_mtime_ns
    with pytest.raises(NotEnoughDataError, match="all scored answers are right"):
        run_study(study)
    assert (run.path / "answers.parquet").stat().st_mtime_ns == before


def test_an_unfinished_run_is_not_one_without_a_map(run: Run, study: Study, tmp_path: Path) -> None:
    ledger = json.loads((run.path / "stages.json").read_text())
    del ledger["states"]
    other = with_settings(study, {"out": tmp_path / "cut"})
    (tmp_path / "cut").mkdir()
    for name in ("study.yaml", "questions.parquet", "answers.parquet"):
        (tmp_path / "cut" / name).write_bytes((run.path / name).read_bytes())
    (tmp_path / "cut" / "stages.json").write_text(json.dumps(ledger))
    with pytest.raises(RunFolderError, match="is not finished"):
        open_run(other.out)
