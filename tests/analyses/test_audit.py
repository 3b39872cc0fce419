"""The sample to check by hand: what is in it, that it is harmless, that nobody's work in it is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.small_study import small_study

from truthmap.analyses.audit.run import audit_file, read_annotations, sample_to_check
from truthmap.errors import QuestionsError
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.tasks import GradingRule
from truthmap.records import Answer, Grade, Outcome, Question
from truthmap.runs.data import RunData
from truthmap.runs.file_names import AUDIT_SAMPLE
from truthmap.study.study import Study, with_settings
from truthmap.text import harmless


def judged(counts: dict[Outcome, int], text: str = "It is so.") -> list[tuple[Question, Answer, Grade]]:
    outcomes = [outcome for outcome, n in counts.items() for _ in range(n)]
    return [
        (
            Question(f"q{n}", "What?", ("so",)),
            Answer(f"q{n}", (1,), (2,), text, (), (), True),
            Grade(f"q{n}", outcome, "alias", None, "", "", "because"),
        )
        for n, outcome in enumerate(outcomes)
    ]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [
        ((500, 500, 100), (20, 20, 10)),
        ((500, 500, 0), (25, 25, 0)),
        ((5, 500, 3), (5, 42, 3)),
        ((500, 5, 3), (42, 5, 3)),
        ((4, 4, 2), (4, 4, 2)),
    ],
)
def test_fifty_rows_are_half_right_half_wrong_ten_unscored(
    counts: tuple[int, int, int], drawn: tuple[int, int, int]
) -> None:
    sample = rows_of(sample_to_check(judged(dict(zip(Outcome, counts, strict=True))), seed=0))
    found = [row["outcome"] for row in sample]
    assert tuple(found.count(str(outcome)) for outcome in Outcome) == drawn


def test_the_rows_drawn_depend_on_the_seed_alone() -> None:
    items = judged({Outcome.RIGHT: 100, Outcome.WRONG: 100})
    assert sample_to_check(items, 0) == sample_to_check(items[::-1], 0)
    assert sample_to_check(items, 0) != sample_to_check(items, 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        (" +1", "' +1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2", "'-2"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb <b>c</b>", "a\nb <b>c</b>"),
    ],
)
def test_formulas_and_control_characters_are_made_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown
    sample = sample_to_check(judged({Outcome.RIGHT: 1}, text), 0)
    assert next(csv.DictReader(sample.splitlines(keepends=True)))["answer"] == shown
    assert "\x1b" not in sample


def fill_in(path: Path, outcome: str = "right", span: str = "") -> None:
    """Write a person's verdict into every row."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["outcome_by_hand"], row["exact_answer_by_hand"] = outcome or row["outcome"], span
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def study(tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path) -> Study:
    return small_study(tiny_model, tmp_path / "run")


def test_a_filled_in_sample_gives_the_agreement_of_the_run(done: Study) -> None:
    run = run_study(done)
    sample = run.path / AUDIT_SAMPLE
    assert read_annotations(sample) == []
    fill_in(sample, outcome="", span="yes")
    with sample.open(newline="") as file:
        kept = [row for row in csv.DictReader(file) if row["outcome"] != "unscored"]
    with sample.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)
    found = audit_file(sample)
    assert (found.agreement, found.kappa) == (1.0, 1.0)
    assert found.good_spans.value == 1.0
    assert found.auc is not None
    assert found.auc.measured == found.auc.corrected.value == pytest.approx(run.summary.test.value)
    other = audit_file(sample, auc=0.9).auc
    assert other is not None
    assert other.measured == 0.9


def test_a_filled_in_sample_is_never_written_over(done: Study) -> None:
    sample = run_study(done).path / AUDIT_SAMPLE
    run_study(with_settings(done, {"grading": GradingRule.ALIAS}), update=True)
    fill_in(sample)
    before = sample.read_bytes()
    run = run_study(done, update=True)
    assert {grade.rule for grade in RunData.load(run).grades} == {"candidates"}
    assert sample.read_bytes() == before
    # A run is finished all the same: what a person writes is not the run's own.
    stamp = (run.path / "grades.parquet").stat().st_mtime_ns
    run_study(done)
    assert (run.path / "grades.parquet").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "is no sample of an audit: it has no column 'outcome'"),
        (
            "outcome,outcome_by_hand\nright,perhaps\n",
            "line 2, column outcome_by_hand: expected right or wrong, got 'perhaps'",
        ),
        ("outcome,outcome_by_hand\nmaybe,right\n", "line 2, column outcome: 'maybe' is no outcome"),
        ("outcome,outcome_by_hand\nright\n", "line 2: 1 fields, but the header has 2"),
        (
            "outcome,outcome_by_hand,exact_answer_by_hand\nright,right,so\n",
            "line 2, column exact_answer_by_hand: expected right or wrong, got 'so'",
        ),
    ],
)
def test_a_sample_that_cannot_be_read_says_where(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "audit.csv"
    path.write_text(content)
    with pytest.raises(QuestionsError, match=message):
        audit_file(path)
