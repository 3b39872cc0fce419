"""Positions of one's own choice: the states, the map and the detector follow them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.peers import read_peer
from truthmap.detector.config import Role
from truthmap.detector.detector import load_detector
from truthmap.errors import UsageError
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.seal import DetectorSettings, seal_detector
from truthmap.positions import Position
from truthmap.probes.grid import Cell
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Outcome, Site
from truthmap.runs.data import RunData
from truthmap.runs.ledger import STAGES
from truthmap.runs.run import Run, open_run
from truthmap.store.tensors import TensorReader
from truthmap.study.study import Study, with_settings

CHOSEN = "mean(answer), answer[50%],prompt[0],last_q,exact[-1],thought[0],answer[-1]"


@pytest.fixture(scope="module")
def chosen(
    made_once: Path, tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Path]:
    """A finished run whose map was made again at other positions."""
    folder = shutil.copytree(made_once, tmp_path_factory.mktemp("chosen") / "run")
    study = Study(model=str(tiny_model), questions="spoken", shard=32, out=folder, device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings: spoken)
        changed = with_settings(study, {"positions": CHOSEN, "drop_closing_token": True, "permutations": 0})
        run = run_study(changed, update=True)
    return run, made_once


def test_the_map_has_the_chosen_columns_in_their_order(chosen: tuple[Run, Path]) -> None:
    grid = RunData.load(chosen[0]).grid()
    assert [str(position) for position in grid.positions] == [text.strip() for text in CHOSEN.split(",")]
    n = grid.n.max(axis=0)
    assert n[grid.positions.index(Position.of("thought[0]"))] == 0
    assert (n[[0, 1, 2, 3, 6]] > 0).all()


def test_only_what_depends_on_positions_is_made_again(chosen: tuple[Run, Path]) -> None:
    new, old = (RunData.load(open_run(path)).stages for path in (chosen[0].path, chosen[1]))
    same = [stage for stage in STAGES if stage in new and stage in old and new[stage].key == old[stage].key]
    assert same == ["questions", "answers", "grades"]


def test_places_are_counted_without_the_closing_token(chosen: tuple[Run, Path]) -> None:
    new, old = (RunData.load(open_run(path)) for path in (chosen[0].path, chosen[1]))
    closed = [a.key for a in new.answers if a.finished and a.key in set(new.labels.ids) and len(a.answer_ids) > 1]
    assert closed
    last, second_last = Position.of("-1"), Position.of("-2")
    written = TensorReader(new.states).read_cell(Site.RESIDUAL, 1, last, closed)
    np.testing.assert_allclose(
        written.states.numpy(),
        TensorReader(old.states).read_cell(Site.RESIDUAL, 1, second_last, closed).states.numpy(),
        atol=1e-4,
    )


@pytest.mark.parametrize("rule", ["mean(answer)", "answer[50%]", "exact[-1]"])
def test_a_detector_reads_what_the_run_read(
    chosen: tuple[Run, Path], rule: str, spoken_set: QuestionSet, tmp_path: Path
) -> None:
    run = Run(chosen[0].folder)
    cell = Cell(Site.RESIDUAL, 1, Position.of(rule))
    seal_detector(run, tmp_path / "detector", DetectorSettings(cells=(cell,)))
    detector = load_detector(tmp_path / "detector")
    assert detector.config.asking.drop_closing_token
    assert detector.config.heads[0].cells[0].rule == rule
    head, data = detector.artifact.heads[Role.ANSWER], RunData.load(run)
    scored = {grade.question_id for grade in data.grades if grade.outcome is not Outcome.UNSCORED}
    asked = [question for question in data.questions if question.id in scored][:6]
    stored = TensorReader(data.states).read_cell(Site.RESIDUAL, 1, cell.position, [question.id for question in asked])
    expected = head.score(stored.states[0][:, None].numpy())
    verdicts = detector.ask_batch([question.text for question in asked])
    assert [verdict.role for verdict in verdicts] == [Role.ANSWER] * len(asked)
    assert [verdict.score for verdict in verdicts] == pytest.approx(expected.tolist(), abs=1e-2)
    streamed = [event.verdict for event in detector.stream(asked[0].text) if event.verdict is not None]
    assert [verdict.score for verdict in streamed] == pytest.approx([expected[0]] * len(streamed), abs=1e-2)
    assert streamed


@dataclass(frozen=True)
class AtPlace(ControlContext):
    """Controls of another cell than the best one."""

    place: str = "-1"

    @property
    def cell(self) -> Cell:  # type: ignore[override]
        return Cell(Site.RESIDUAL, 1, Position.of(self.place))


@pytest.mark.parametrize("rule", ["mean(answer)", "-1"])
def test_a_peer_reads_the_tokens_that_the_run_read(
    chosen: tuple[Run, Path], rule: str, spoken_set: QuestionSet
) -> None:
    context = AtPlace(RunData.load(open_run(chosen[0].path)), place=rule)
    read = read_peer(context, context.active, None, "the run itself", context.data.labels.ids[:8])
    own = TensorReader(context.data.states).read_cell(Site.RESIDUAL, 1, context.cell.position, read.ids)
    torch.testing.assert_close(read.states[1], own.states[0].float(), rtol=1e-3, atol=1e-3)
    context.close()


def test_a_cell_inside_the_prompt_is_no_detectors(
    chosen: tuple[Run, Path], spoken_set: QuestionSet, tmp_path: Path
) -> None:
    cell = Cell(Site.RESIDUAL, 1, Position.of("prompt[0]"))
    with pytest.raises(UsageError, match=r"a detector cannot read prompt\[0\]|too few answers for a probe"):
        seal_detector(chosen[0], tmp_path / "detector", DetectorSettings(cells=(cell,)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("exact[-1],middle", r"--positions: there is no position 'middle'; there are last_q, .* or a set: paper, "),
        ("exact[-1],,-1", "--positions: there is no position ''"),
        ("thought[500%]", r"--positions: 'thought\[500%\]' is no rule .*a share is 0% to 100%, not 500%"),
        (["mean(words)"], r"--positions: .*there is no span 'words'"),
        ([], "--positions: "),
        (7, "--positions: "),
    ],
)
def test_a_study_says_what_is_wrong_with_its_positions(given: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Study(positions=given)


def test_the_paper_columns_are_the_default_and_change_no_key() -> None:
    assert Study().states.columns == Study(positions="paper").states.columns
    assert Study(positions="exact[-1], mean(final)").states.positions == ("exact[-1]", "mean(final)")
    assert Study(positions=["exact[-1]", Position.of("-1")]).states.positions == ("exact[-1]", "-1")
