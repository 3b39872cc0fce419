"""What the grid stage leaves: scores that give the map's AUCs, controls, the paper's protocol, and other labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.small_study import COLUMNS, small_study

from truthmap.analyses.labels.measure import LabelKind
from truthmap.analyses.labels.read import read_labels
from truthmap.analyses.labels.run import LabelMaps, map_labels
from truthmap.analyses.saved import read_analysis
from truthmap.errors import DamagedFileError, NotEnoughDataError, UsageError
from truthmap.figures.canvas import save_figure
from truthmap.grading.gold import at_gold
from truthmap.metrics.auc import round_scores
from truthmap.metrics.auc_interval import auc_many
from truthmap.pipeline.runner import run_study
from truthmap.positions import column_of
from truthmap.probes.text_baseline import TEXT_KINDS
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Answer, Grade, Outcome, Question, Site, Span
from truthmap.runs.data import RunData
from truthmap.runs.out_of_fold import read_out_of_fold
from truthmap.runs.run import Run
from truthmap.study.study import Study


@pytest.fixture(scope="module")
def run(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Make one run that all tests here read."""
    folder = tmp_path_factory.mktemp("probing") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings: spoken)
        return run_study(small_study(tiny_model, folder, permutations=5))


def test_the_run_keeps_what_the_controls_found(run: Run) -> None:
    grid, scores = RunData.load(run).grid(), RunData.load(run).out_of_fold()
    right = {g.question_id: g.outcome is Outcome.RIGHT for g in RunData.load(run).grades}
    y = np.array([right[i] for i in scores.ids])
    for layer, position in np.argwhere(np.isfinite(grid.auc)):
        known = np.isfinite(scores.scores[layer, position])
        found = auc_many(round_scores(scores.scores[layer, position, known].astype(float)[None]), y[known])
        assert found.auc[0] == pytest.approx(grid.auc[layer, position], abs=2e-3)
    null = RunData.load(run).permutation_null
    assert len(null) == 5
    summary = run.summary
    best = (summary.layer, column_of(grid.positions, summary.position))
    assert summary.p_value == (1 + (null >= grid.auc[best]).sum()) / 6
    assert summary.text_baseline.validation.value == pytest.approx(grid.text_baseline_auc[best])
    assert {"size", "repeat", "auc", "site", "layer", "position", "C"} == set(RunData.load(run).learning_curve.columns)


def test_rivals_meet_the_best_cell_on_its_test_answers(run: Run) -> None:
    summary, columns = run.summary, RunData.load(run).cells.columns
    for rival in (summary.text_baseline, summary.free_score):
        assert rival.test.n == rival.gain.n == summary.test.n
        assert rival.validation.n == summary.validation.n
        assert rival.gain.value == pytest.approx(summary.test.value - rival.test.value)
    assert summary.text_baseline.name in {kind.name for kind in TEXT_KINDS}
    assert summary.free_score.name.startswith("log-prob, ")
    assert {kind.column for kind in TEXT_KINDS} <= set(columns)


def test_a_broken_scores_file_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "scores.safetensors"
    path.write_bytes((run.path / "scores.safetensors").read_bytes()[:40])
    with pytest.raises(DamagedFileError, match=r"scores.safetensors cannot be read for residual"):
        read_out_of_fold(path, [Site.RESIDUAL])


def test_no_shuffles_means_no_p_values(tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path) -> None:
    study = small_study(tiny_model, tmp_path / "run", permutations=0)
    run = run_study(study)
    assert run.summary.p_value is None
    assert run.summary.null_95 is None
    assert np.isnan(RunData.load(run).grid().p_value).all()
    assert len(RunData.load(run).permutation_null) == 0


def test_the_papers_protocol_is_marked(
    tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def note(figure: Figure, path: Path) -> None:
        drawn.append(figure.axes[0].get_title())
        save_figure(figure, path)

    monkeypatch.setattr("truthmap.pipeline.stages.figures.save_figure", note)
    run = run_study(small_study(tiny_model, tmp_path / "run", protocol="paper"))
    (title,) = set(drawn)
    assert "the paper's protocol: raw states, C = 1, one 80/20 split, gold exact answers" in " ".join(title.split())
    assert run.summary.protocol == "paper"
    assert run.summary.p_value is None
    grid = RunData.load(run).grid()
    assert (grid.c[np.isfinite(grid.auc)] == 1.0).all()
    scored = np.isfinite(RunData.load(run).out_of_fold().scores).any(axis=(0, 1))
    assert 0.05 < scored.mean() < 0.4


def grade_of(answer: Answer, outcome: Outcome) -> Grade:
    return Grade("q", outcome, "candidates", Span(0, 3), answer.text[:3], "x", "because")


def test_gold_exact_answers_stand_at_the_gold_string_if_right() -> None:
    answer = Answer("q", (1,), (2,), "It is Côte d’Ivoire, not France.", (0.0,), ((0, 5),), True)
    question = Question("q", "Where?", ("Ivory Coast", "cote d'ivoire"))
    found = at_gold(question, answer, grade_of(answer, Outcome.RIGHT))
    assert found.exact_answer == "Côte d’Ivoire"
    assert answer.text[found.span.start : found.span.end] == "Côte d’Ivoire"
    wrong = grade_of(answer, Outcome.WRONG)
    assert at_gold(question, answer, wrong) == wrong
    elsewhere = Question("q", "Where?", ("Peru",))
    assert at_gold(elsewhere, answer, grade_of(answer, Outcome.RIGHT)).span == Span(0, 3)


def topics(run: Run, n: int) -> dict[str, str]:
    return {q.id: f"topic {k % n}" for k, q in enumerate(RunData.load(run).questions)}


def test_two_labels_make_one_map_and_more_make_one_each(run: Run) -> None:
    two = map_labels(run, "topic", topics(run, 2), permutations=4)
    assert [(score.label, score.against) for score in two.scores] == [("topic 1", "topic 0")]
    three = map_labels(run, "kind", topics(run, 3), permutations=4)
    assert [score.label for score in three.scores] == ["topic 0", "topic 1", "topic 2"]
    assert three.labelled == run.summary.right + run.summary.wrong
    assert three.unlabelled == 0
    assert all(0 < score.p_value <= 1 for score in three.scores if score.p_value is not None)
    folder = run.path / "analyses"
    assert read_analysis(folder, "labels-kind", LabelMaps) == three
    table = pd.read_parquet(folder / "labels-kind.parquet")
    assert len(table) == 3 * 2 * len(COLUMNS)
    assert {path.suffix for path in folder.glob("labels-kind.*")} == {".json", ".parquet", ".png", ".svg"}


def test_numbers_are_predicted_and_scored_by_their_ranks(run: Run) -> None:
    data = RunData.load(run)
    # A number that stands in the states, and the order of the questions, which does not.
    cell = data.dataset(1, "last_q")
    of_state = {i.question_id: f"{x[0]:.3f}" for i, x in zip(cell.ids, cell.x, strict=True)}
    read = map_labels(run, "number", of_state, permutations=3)
    assert read.measure == "Spearman correlation"
    (score,) = read.scores
    assert (score.label, score.n, score.p_value) == ("number", len(cell.ids), 0.25)
    assert score.validation.value > 0.9
    assert score.test is not None
    assert score.test.value > 0.8
    by_chance = {q.id: str(n * 7919 % 104729) for n, q in enumerate(data.questions)}
    unread = map_labels(run, "chance", by_chance, permutations=3).scores[0]
    assert unread.test is not None
    assert unread.test.low < 0.1
    table = pd.read_parquet(run.path / "analyses" / "labels-number.parquet")
    assert len(table) == 2 * len(COLUMNS)
    assert table["spearman"].max() == pytest.approx(score.validation.value)


def test_labels_are_joined_by_id_or_by_the_questions_text(run: Run) -> None:
    questions = RunData.load(run).questions
    by_id = {q.id: f"topic {k % 2}" for k, q in enumerate(questions)}
    by_text = {f"  {q.text.upper()} ": f"topic {k % 2}" for k, q in enumerate(questions)}
    first, second = (map_labels(run, "joined", labels, permutations=0) for labels in (by_id, by_text))
    assert first == second
    assert map_labels(run, "joined", {**by_text, "What else?": "topic 0"}, permutations=0).unknown == first.unknown + 1
    with pytest.raises(UsageError, match=r"has two labels: 'topic 0' and 'topic 1' \(by 'Which"):
        map_labels(run, "joined", {questions[0].id: "topic 0", questions[0].text: "topic 1"}, permutations=0)


def test_numbers_can_be_taken_as_classes_and_words_cannot_be_numbers(run: Run) -> None:
    marks = {q.id: str(k % 3) for k, q in enumerate(RunData.load(run).questions)}
    assert map_labels(run, "mark", marks, permutations=0).measure == "Spearman correlation"
    classes = map_labels(run, "mark", marks, permutations=0, kind=LabelKind.CLASSES)
    assert [score.label for score in classes.scores] == ["0", "1", "2"]
    with pytest.raises(UsageError, match="'topic 0' is no number"):
        map_labels(run, "topic", topics(run, 2), permutations=0, kind=LabelKind.NUMBERS)


def test_right_and_wrong_as_a_label_is_the_runs_own_map(run: Run) -> None:
    own = {g.question_id: str(g.outcome) for g in RunData.load(run).grades if g.outcome is not Outcome.UNSCORED}
    found = map_labels(run, "outcome", own, permutations=0)
    table = pd.read_parquet(run.path / "analyses" / "labels-outcome.parquet")
    assert found.scores[0].label == "wrong"
    np.testing.assert_allclose(table["auc"], RunData.load(run).cells["auc"], atol=2e-3)


def test_labels_that_make_no_map_are_refused_with_their_counts(run: Run) -> None:
    with pytest.raises(NotEnoughDataError, match="two labels or more"):
        map_labels(run, "topic", topics(run, 1))
    with pytest.raises(UsageError, match="at most 12 labels can be mapped, got 13"):
        map_labels(run, "topic", topics(run, 13))
    rare = {q.id: "rare" if k < 6 else "usual" for k, q in enumerate(RunData.load(run).questions)}
    with pytest.raises(NotEnoughDataError, match=r"10 answers that have it and 10 that do not"):
        map_labels(run, "topic", rare)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_labels_are_read_from_any_kind_of_table(tmp_path: Path, kind: str) -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "topic": ["x", "y", None]})
    path = tmp_path / f"labels.{kind}"
    write = {
        "csv": lambda: table.to_csv(path, index=False),
        "tsv": lambda: table.to_csv(path, index=False, sep="\t"),
        "jsonl": lambda: table.to_json(path, orient="records", lines=True),
        "parquet": lambda: table.to_parquet(path),
    }
    write[kind]()
    assert read_labels(path, "topic") == {"a": "x", "b": "y"}
    assert read_labels(path, "id", "topic") == {"x": "a", "y": "b"}


@pytest.mark.parametrize("kind", ["Int64", "string", "boolean", "category"])
def test_a_label_that_is_missing_is_none_of_any_kind(tmp_path: Path, kind: str) -> None:
    known = pd.Series([True, None], dtype="boolean").astype(kind)
    pd.DataFrame({"id": ["a", "b"], "topic": known}).to_parquet(tmp_path / "labels.parquet")
    assert list(read_labels(tmp_path / "labels.parquet", "topic")) == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.csv", "id,topic\na,x\na,y\n", "gives question 'a' two labels: 'x' in row 1 and 'y' in row 2"),
        ("l.csv", "who,topic\na,x\n", "has no column that says which question a label is of .*; it has 'who', 'topic'"),
        ("l.csv", "id,other\na,x\n", "has no column 'topic'; it has 'id', 'other'"),
        ("l.csv", "id,topic\na,\n", "has no label in the column 'topic'"),
        ("l.csv", "", "cannot be read as .csv"),
        ("l.jsonl", "{", "cannot be read as .jsonl"),
        ("l.pkl", "x", "must be one of .csv, .tsv, .jsonl, .parquet"),
        ("l.parquet", "x", "cannot be read as .parquet"),
    ],
)
def test_label_files_with_faults_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=message):
        read_labels(tmp_path / name, "topic")
    with pytest.raises(UsageError, match="is not there"):
        read_labels(tmp_path / "nowhere.csv", "topic")


def test_the_grid_table_reads_back_as_the_grid(done: Study) -> None:
    run = run_study(done)
    grid = RunData.load(run).grid()
    pd.testing.assert_frame_equal(grid.to_frame(), RunData.load(run).cells)
