"""`--second-grading` in a run: what is redone, what is found, what a judge is asked and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pytest
from tests.scripted import Scripted, Server, scripted
from typer.testing import CliRunner

from truthmap.analyses.audit.twice import read_comparison
from truthmap.cli.app import app
from truthmap.errors import UsageError
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Grade, Outcome
from truthmap.runs.data import RunData
from truthmap.runs.file_names import SECOND_GRADES
from truthmap.runs.run import Run
from truthmap.runs.tables import read_records
from truthmap.study.study import Study, with_settings


@dataclass
class Judge:
    """An endpoint that says an answer is wrong where it is long, and notes how often it was asked."""

    prompts: list[str] = field(default_factory=list)

    def __call__(self, _path: str, content: Any) -> Scripted:
        self.prompts.append(content["messages"][0]["content"])
        answer = self.prompts[-1].rpartition("Answer: ")[2]
        verdict = "wrong" if len(answer) % 3 else "right"
        said = f'{{"verdict": "{verdict}"}}'
        usage = {"prompt_tokens": 100, "completion_tokens": 5}
        return Scripted(200, {"choices": [{"message": {"content": said}}], "usage": usage})


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def server(judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "cache"))
    with scripted(judge) as running:
        yield running


def study_of(run: Run, **settings: Any) -> Study:
    return with_settings(Study(**run.settings["settings"]), {"out": run.path, "device": "cpu", **settings})


def stamps(run: Run) -> dict[str, int]:
    kept = ("answers.parquet", "grades.parquet", "states/index.json", "grid.parquet", "summary.json")
    return {name: (run.path / name).stat().st_mtime_ns for name in kept}


def test_a_second_rule_redoes_nothing_but_the_page(finished: Run) -> None:
    before = stamps(finished)
    run = run_study(study_of(finished, second_grading="alias"), update=True)
    assert stamps(run) == before
    found = read_comparison(run)
    assert found is not None
    data = RunData.load(run)
    second = read_records(run.path / SECOND_GRADES, Grade)
    assert [grade.key for grade in second] == [grade.key for grade in data.grades]
    assert {grade.rule for grade in second} == {"alias"}
    assert sum(sum(row.values()) for row in found.counts.values()) == len(data.grades)
    assert (found.first, found.second, found.cost) == ("candidates", "alias", None)
    assert found.agreement.n == sum(
        found.counts[one][other] for one in Outcome for other in Outcome if Outcome.UNSCORED not in (one, other)
    )
    page = (run.path / "report.html").read_text()
    assert "Graded twice" in page
    assert escape(found.says[0]).replace("&#x27;", "&#39;") in page


def test_a_judge_is_asked_of_every_answer_and_once(finished: Run, server: Server, judge: Judge) -> None:
    name = f"{server.url}#judge-7b"
    run = run_study(study_of(finished, second_grading=name), update=True)
    second = read_records(run.path / SECOND_GRADES, Grade)
    judged = [grade for grade in second if grade.judgement is not None]
    assert {grade.judgement.prompt for grade in judged if grade.judgement} == set(judge.prompts)
    assert {grade.judgement.model for grade in judged if grade.judgement} == {name}
    assert len(judged) == sum(bool(answer.text.strip()) for answer in RunData.load(run).answers)
    assert len(judge.prompts) == len(set(judge.prompts))
    found = read_comparison(run)
    assert found is not None
    assert found.cost is not None
    assert (found.cost.asked, found.cost.tokens_in) == (len(judge.prompts), 100 * len(judge.prompts))
    asked = len(judge.prompts)
    run_study(study_of(run, second_grading="alias"), update=True)
    again = run_study(study_of(run, second_grading=name), update=True)
    known = read_comparison(again)
    assert known is not None
    assert len(judge.prompts) == asked
    assert known.cost is not None
    assert (known.cost.asked, known.cost.cached) == (0, len(judged))
    assert read_records(run.path / SECOND_GRADES, Grade) == second


@pytest.mark.slow
def test_a_first_judge_is_asked_once_over_runs(finished: Run, server: Server, judge: Judge) -> None:
    settings = {"grading": "judge", "judge": f"{server.url}#j", "out": finished.path.parent / "other", "limit": 100}
    run = run_study(study_of(finished, **settings))
    asked = len(judge.prompts)
    again = run_study(study_of(finished, **settings | {"out": finished.path.parent / "third"}))
    assert asked > 0
    assert len(judge.prompts) == asked
    one, other = RunData.load(run), RunData.load(again)
    assert one.grades == other.grades
    assert one.stages["grades"].note["judge_cost"]["asked"] == asked
    assert other.stages["grades"].note["judge_cost"]["asked"] == 0


def test_without_a_second_grader_what_it_left_is_gone(finished: Run) -> None:
    run = run_study(study_of(finished, second_grading="alias"), update=True)
    run = run_study(study_of(finished), update=True)
    assert not (run.path / SECOND_GRADES).exists()
    assert read_comparison(run) is None
    assert "Graded twice" not in (run.path / "report.html").read_text()


def test_the_audit_of_a_run_shows_both_gradings(finished: Run) -> None:
    run_study(study_of(finished, second_grading="alias"), update=True)
    shown = CliRunner().invoke(app, ["audit", str(finished.path)])
    assert shown.exit_code == 0, shown.output
    assert "Graded again by alias" in shown.output
    assert "Cohen's kappa" in shown.output


def test_a_wrong_grader_is_refused_before_anything_is_asked(
    tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path
) -> None:
    study = Study(model=str(tiny_model), questions="spoken", second_grading="candidates", out=tmp_path / "run")
    with pytest.raises(UsageError, match="grades already"):
        run_study(study)
    assert not study.out.exists()
