"""From a run to a detector: the numbers are the run's, and the command line does the same."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from tests.forging import forge_ledger

from truthmap.cli.app import app
from truthmap.detector.artifact import load_artifact
from truthmap.detector.config import CellAt, Role
from truthmap.detector.detector import load_detector
from truthmap.detector.fit_head import SealSettings
from truthmap.detector.guarantee import Risk
from truthmap.errors import RunFolderError, UsageError
from truthmap.metrics.estimate import Estimate
from truthmap.pipeline.looks import count_look, look_at
from truthmap.pipeline.seal import DetectorSettings, chosen_cells, measured_stack_c, seal_detector
from truthmap.positions import Position
from truthmap.probes.grid import Cell
from truthmap.probes.labels import label_answers
from truthmap.probes.test_part import score_on_test
from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.records import Outcome, Site, Split
from truthmap.runs.data import RunData
from truthmap.runs.folder import RunFolder, run_folder
from truthmap.runs.run import Run, open_run
from truthmap.runs.summary import StackedCells
from truthmap.store.tensors import TensorReader
from truthmap.study.stage_settings import grid_settings
from truthmap.terminal.progress import Bars, Silence


@pytest.fixture
def run(copy: Path) -> Run:
    """Return a copy of the finished run: sealing notes in it that its test part was looked at."""
    return open_run(copy)


def test_a_detector_is_the_runs_best_cell(run: Run, tmp_path: Path) -> None:
    summary = run.summary
    best = Cell(summary.site, summary.layer, summary.position)
    artifact = seal_detector(run, tmp_path / "detector", DetectorSettings(cells=(best,)))
    head = artifact.config.heads[0]
    assert [(cell.layer, cell.position) for cell in head.cells] == [(summary.layer, summary.position)]
    assert head.cells[0].C == summary.C
    assert head.test.value == pytest.approx(summary.test.value, abs=1e-12)
    assert (head.test.low, head.test.high, head.test.n) == pytest.approx(
        (summary.test.low, summary.test.high, summary.test.n)
    )
    assert artifact.config.training.right == summary.right
    for name in ("risk_coverage.png", "risk_coverage.svg", "reliability.png", "reliability.svg"):
        assert (tmp_path / "detector" / name).stat().st_size > 1000


def test_the_cells_are_those_that_the_run_chose(run: Run, tmp_path: Path) -> None:
    cells = seal_detector(run, tmp_path / "detector").config.heads[0].cells
    wanted = chosen_cells(run.summary, RunData.load(run).grid())
    assert [(cell.layer, cell.position) for cell in cells] == [(cell.layer, cell.position) for cell in wanted]


@pytest.mark.parametrize("chosen", [True, False])
def test_a_stack_is_taken_where_the_run_chose_it(run: Run, *, chosen: bool) -> None:
    summary = run.summary
    best = Cell(summary.site, summary.layer, summary.position)
    other = Cell(summary.site, 1 - summary.layer, summary.position)
    stack = StackedCells(
        cells=((best.layer, best.position), (other.layer, other.position)),
        C=1e-3,
        validation=summary.validation,
        gain=Estimate(value=0.1, low=0.05, high=0.15, n=summary.validation.n),
        chosen=chosen,
        test=summary.test,
    )
    cells = chosen_cells(summary.model_copy(update={"stack": stack}), RunData.load(run).grid())
    assert cells == ((best, other) if chosen else (best,))


def test_the_c_of_a_stack_is_that_of_the_measured_cells(run: Run) -> None:
    summary = run.summary
    cells = (Cell(summary.site, 1, Position.of("exact_answer_last")), Cell(summary.site, 0, Position.of("last_q")))
    stack = StackedCells(
        cells=tuple((cell.layer, cell.position) for cell in cells),
        C=1e-3,
        validation=summary.validation,
        gain=summary.test,
        chosen=True,
        test=summary.test,
    )
    stacked = summary.model_copy(update={"stack": stack})
    assert measured_stack_c(stacked, cells) == 1e-3
    assert measured_stack_c(stacked, cells[::-1]) is None
    assert measured_stack_c(summary.model_copy(update={"stack": None}), cells) is None


def test_a_stack_is_refitted_with_the_c_that_the_run_measured(run: Run, tmp_path: Path) -> None:
    folder = run.path
    summary = Run(run_folder(folder)).summary
    cells = ((1, Position.of("exact_answer_last")), (0, Position.of("last_q")))
    stack = StackedCells(
        cells=cells, C=1e-3, validation=summary.validation, gain=summary.test, chosen=True, test=summary.test
    )
    stacked = summary.model_copy(update={"stack": stack})
    (folder / "summary.json").write_text(stacked.model_dump_json())
    forge_ledger(folder)
    chosen = tuple(Cell(summary.site, layer, position) for layer, position in cells)
    head = seal_detector(Run(run_folder(folder)), tmp_path / "detector", DetectorSettings(cells=chosen)).config.heads[0]
    assert head.stack_c == 1e-3


def test_scores_are_those_of_the_probe_on_stored_states(run: Run, tmp_path: Path) -> None:
    cell = Cell(Site.RESIDUAL, 1, Position.of("exact_answer_last"))
    artifact = seal_detector(run, tmp_path / "detector", DetectorSettings(cells=(cell,)))
    labels = label_answers(RunData.load(run).questions, RunData.load(run).grades, RunData.load(run).splits)
    reference = score_on_test(
        TensorReader(RunData.load(run).states), labels, RunData.load(run).grid(), cell, grid_settings()
    )
    store = TensorReader(RunData.load(run).states)
    states = store.read_cell(Site.RESIDUAL, 1, cell.position, list(reference.scores)).states[0].numpy()[:, None]
    np.testing.assert_allclose(
        artifact.heads[Role.ANSWER].score(states), list(reference.scores.values()), rtol=1e-6, atol=1e-6
    )


def test_asking_again_gives_what_the_run_saw(run: Run, tmp_path: Path) -> None:
    seal_detector(
        run, tmp_path / "detector", DetectorSettings(cells=(Cell(Site.RESIDUAL, 1, Position.of("exact_answer_last")),))
    )
    detector = load_detector(tmp_path / "detector")
    answers, grades = (
        {x.question_id: x for x in records} for records in (RunData.load(run).answers, RunData.load(run).grades)
    )
    ids = [question.id for question in RunData.load(run).questions[:20]]
    verdicts = dict(zip(ids, detector.ask_batch([q.text for q in RunData.load(run).questions[:20]]), strict=True))
    assert {i: verdict.answer.answer_ids for i, verdict in verdicts.items()} == {i: answers[i].answer_ids for i in ids}
    assert {i: verdict.exact_answer for i, verdict in verdicts.items()} == {i: grades[i].span for i in ids}
    scored = [i for i in ids if grades[i].outcome is not Outcome.UNSCORED]
    assert scored
    store = TensorReader(RunData.load(run).states)
    stored = store.read_cell(Site.RESIDUAL, 1, Position.of("exact_answer_last"), scored).states[0]
    wanted = detector.artifact.heads[Role.ANSWER].score(stored.numpy()[:, None])
    assert [verdicts[i].score for i in scored] == pytest.approx(wanted.tolist(), abs=1e-2)


def test_training_records_are_outside_the_test_part(run: Run, tmp_path: Path) -> None:
    artifact = seal_detector(run, tmp_path / "detector")
    split = {each.question_id: each.split for each in RunData.load(run).splits}
    text = {question.text: question.id for question in RunData.load(run).questions}
    assert artifact.records
    assert all(split[text[record.question]] is not Split.TEST for record in artifact.records)
    for head in artifact.heads.values():
        assert len(head.record_index) == head.config.n_fitted
        assert len(set(head.record_index.tolist())) == len(head.record_index)
        rights = [artifact.records[row].right for row in head.record_index]
        assert sum(rights) == head.config.n_fitted_right


def test_a_changed_question_set_is_refused(
    run: Run, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = question_set("spoken", spoken_set.questions[1:], spoken_set.task)
    load: Callable[..., QuestionSet] = lambda name, settings: changed  # noqa: E731
    monkeypatch.setattr("truthmap.study.stage_settings.load_questions", load)
    with pytest.raises(RunFolderError, match="the question set spoken has changed"):
        seal_detector(run, tmp_path / "detector")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (Cell(Site.RESIDUAL, 7, Position.of("-1")), "no layer 7: the model has the layers 0 to 1"),
        (Cell(Site.MLP, 0, Position.of("-1")), "the run read the sites residual, not mlp"),
    ],
)
def test_a_cell_that_is_not_on_the_map_is_refused(run: Run, tmp_path: Path, cell: Cell, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        seal_detector(run, tmp_path / "detector", DetectorSettings(cells=(cell,)))


def test_the_commands_seal_ask_and_score_files(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: object) -> str:
        app([str(a) for a in arguments], standalone_mode=False)
        return capsys.readouterr().out

    sealed = tmp_path / "detector"
    shown = call("detector", run.path, "--out", sealed, "--cell", "1:exact_answer_last")
    assert "layer 1" in shown
    assert "Guarantees, about the model's own greedy answers" in shown
    assert load_artifact(sealed).config.heads[0].cells[0].layer == 1
    question = RunData.load(run).questions[0].text
    shown = call("ask", sealed, question)
    assert any(sign in shown for sign in ("✓ trust", "~ trust", "✗ don't trust", "? nothing is claimed"))
    asked = json.loads(call("ask", sealed, question, "--json"))
    assert asked["question"] == question
    assert call("ask", sealed, question, "--before").startswith("Before answering: ")
    given = json.loads(call("ask", sealed, question, "--answer", "It is France.", "--candidate", "France", "--json"))
    assert given["exact_answer"] == "France"
    source, target = tmp_path / "questions.csv", tmp_path / "verdicts.jsonl"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["id", "question", "answer"], ["a", question, ""], ["b", question, "It is France."]]
        )
    call("ask", sealed, "--batch", source, "--out", target)
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a", "b"]
    assert rows[0]["answer"] == asked["answer"]
    assert rows[0]["score"] == pytest.approx(asked["score"], abs=1e-3)
    assert [row["asked_as_trained"] for row in rows] == [True, False]
    assert [rows[1][name] for name in ("trusted", "p_wrong", "guarantee")] == [None] * 3
    back = tmp_path / "verdicts.csv"
    call("ask", sealed, "--batch", source, "--out", back)
    with back.open(newline="") as file:
        table = list(csv.DictReader(file))
    texts = {True: "true", False: "false", None: ""}
    assert [row["trusted"] for row in table] == [texts[row["trusted"]] for row in rows]
    assert [json.loads(row["similar"]) for row in table] == [row["similar"] for row in rows]


CELL = Cell(Site.RESIDUAL, 1, Position.of("exact_answer_last"))
LAST = Cell(Site.RESIDUAL, 1, Position.of("-1"))


def looks(run: Run, out: Path, cell: Cell = CELL, **settings: float) -> int:
    return seal_detector(run, out, DetectorSettings(SealSettings(**settings), cells=(cell,))).config.training.looks


def test_each_other_look_at_the_test_part_is_counted(run: Run, tmp_path: Path) -> None:
    assert looks(run, tmp_path / "a") == 1
    assert looks(run, tmp_path / "b") == 1, "the same again tests nothing new"
    assert looks(run, tmp_path / "a", limit=0.3) == 2
    assert looks(run, tmp_path / "a", cell=LAST) == 3
    assert looks(run, tmp_path / "a", confidence=0.9) == 4
    assert looks(open_run(run.path), tmp_path / "c") == 4
    config = load_artifact(tmp_path / "c").config
    assert any("4 detectors with other cells, limits or confidence were tested" in note for note in config.warnings)
    assert "one of 4 detectors tested on the same answers" in config.guarantee_sentence


def test_other_ends_of_the_same_answers_are_another_look(run: Run) -> None:
    labels, cell = RunData.load(run).labels, CellAt(layer=1, position=CELL.position, C=0.1)
    seen = [
        look_at(labels, Site.RESIDUAL, (cell,), None, SealSettings(), drop_closing_token=dropped)
        for dropped in (False, True, False)
    ]
    counted = [count_look(run.folder, look, Silence()) for look in seen]
    assert counted[1] == counted[0] + 1
    assert counted[2] == counted[1]


class TakenFolder(RunFolder):
    def syncing(self) -> AbstractContextManager[None]:
        raise RunFolderError("another run is working in it")


def test_a_look_that_cannot_be_noted_is_told(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    cell = CellAt(layer=1, position=Position.of("-1"), C=1.0)
    look = look_at(RunData.load(run).labels, Site.RESIDUAL, [cell], None, SealSettings())
    assert count_look(TakenFolder(run.path), look, Bars()) == 1
    assert "this look at the test part is not noted" in capsys.readouterr().err


def test_coverage_is_of_all_answers_of_the_test_part(run: Run, tmp_path: Path) -> None:
    data = RunData.load(run)
    tested = {each.question_id for each in data.splits if each.split is Split.TEST}
    outcomes = Counter(grade.outcome for grade in data.grades if grade.question_id in tested)
    assert outcomes[Outcome.UNSCORED] > 0, "else this test shows nothing"
    config = seal_detector(run, tmp_path / "detector", DetectorSettings(cells=(CELL,))).config
    for guarantee in config.heads[0].guarantees:
        assert guarantee.n_answers == len(tested)
    selective = next(g for g in config.heads[0].guarantees if g.risk is Risk.SELECTIVE_RISK)
    assert selective.coverage == pytest.approx(selective.tested / len(tested))
    abstained = [g for g in config.heads[0].guarantees if g.risk is Risk.FALSE_ABSTENTION]
    assert {g.tested for g in abstained} == {outcomes[Outcome.RIGHT]}
    assert config.heads[0].risk_coverage[-1].coverage < 1


def test_two_cells_score_alike_while_asking_and_from_states(run: Run, tmp_path: Path) -> None:
    cells = (Cell(Site.RESIDUAL, 1, Position.of("exact_answer_last")), Cell(Site.RESIDUAL, 0, Position.of("-1")))
    seal_detector(run, tmp_path / "detector", DetectorSettings(cells=cells))
    detector = load_detector(tmp_path / "detector")
    head = detector.artifact.heads[Role.ANSWER]
    assert head.weight.shape == (2, 24)
    scored = {g.question_id for g in RunData.load(run).grades if g.outcome is not Outcome.UNSCORED}
    chosen = [question for question in RunData.load(run).questions if question.id in scored][:10]
    store = TensorReader(RunData.load(run).states)
    for question, verdict in zip(chosen, detector.ask_batch([q.text for q in chosen]), strict=True):
        stored = [
            store.read_cell(Site.RESIDUAL, cell.layer, cell.position, [question.id]).states[0].numpy() for cell in cells
        ]
        assert verdict.role is Role.ANSWER
        assert verdict.score == pytest.approx(float(head.score(np.stack(stored, axis=1))[0]), abs=1e-2)
