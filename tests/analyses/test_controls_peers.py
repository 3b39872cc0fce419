"""Peers whose knowledge is known: one that knows the same, one that knows nothing, one that knows other things."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.planted import EXACT, LAST_Q, PlantedRun

from truthmap.analyses.controls.base import ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlVerdict
from truthmap.analyses.controls.peer_fit import DISAGREE, PeerFit, fit_peer, told
from truthmap.analyses.controls.peers import PeerStates, peer_named, peers_outcomes, read_named_peer, read_peer
from truthmap.analyses.controls.registry import chosen_names
from truthmap.analyses.controls.run import load_control, measure
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.errors import NotEnoughDataError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import ThisMachine
from truthmap.execution.interrupts import Stop
from truthmap.lm.load import load_model
from truthmap.lm.other_models import asked_otherwise, with_random_weights
from truthmap.records import Outcome, RowKey
from truthmap.runs.data import RunData
from truthmap.runs.run import Run
from truthmap.store.tensors import TensorReader

N = 500
V = ControlVerdict


def planted() -> PlantedRun:
    right = np.random.default_rng(1).random(N) < 0.5
    signal = 2.0 * right + np.random.default_rng(2).standard_normal(N)
    return PlantedRun(right, {LAST_Q: np.random.default_rng(3).standard_normal(N), EXACT: signal})


WORLD = ControlContext(planted())


def states_of(signal: np.ndarray, layers: int = 2) -> PeerStates:
    """A peer of which the last layer holds a signal, and the others nothing."""
    states = torch.from_numpy(np.random.default_rng(9).standard_normal((layers, N, 5)).astype(np.float32))
    states[-1, :, 2] = torch.from_numpy(signal)
    return PeerStates(tuple(map(RowKey, WORLD.data.ids)), states, 0)


def result_of(signal: np.ndarray, theirs: np.ndarray | None = None) -> tuple[PeerFit, ControlResult]:
    fit = fit_peer(WORLD, states_of(signal), "peer")
    outcomes = {
        RowKey(i): Outcome.RIGHT if right else Outcome.WRONG
        for i, right in zip(WORLD.data.ids, theirs if theirs is not None else [], strict=False)
    }
    return fit, told(
        WORLD, [fit], "A stranger's states", "no secret", {fit.reader.name: outcomes} if outcomes else None
    )


def test_a_peer_that_knows_the_same_leaves_nothing() -> None:
    fit, result = result_of(WORLD.data.signals[EXACT])
    assert fit.layer == 1
    assert result.verdict is V.NOTHING
    assert abs(result.readings[0].left.value) < 0.02
    assert result.says.startswith("A stranger's states (peer, layer 1) reads 0.")


def test_a_peer_that_knows_nothing_leaves_it_all() -> None:
    _, result = result_of(np.random.default_rng(5).standard_normal(N))
    assert result.verdict in (V.HOLDS, V.PART)
    assert result.readings[0].left.value > 0.3
    assert [point.at for point in result.curves[0].points] == [0, 1]
    assert all(point.value.value > 0.3 for point in result.curves[0].points)


def test_the_gap_is_where_the_two_disagree() -> None:
    # The peer knows whether its own answer is right, and both are mostly right on the same questions.
    own = WORLD.data.right
    theirs = np.where(np.random.default_rng(6).random(N) < 0.8, own, ~own)
    _, result = result_of(2.0 * theirs + np.random.default_rng(7).standard_normal(N), theirs)
    everywhere, apart = result.readings
    assert apart.name.endswith(" disagrees")
    tested = [int(str(i)[1:]) for i in WORLD.tested.ids]
    assert apart.value.n == int((own != theirs)[tested].sum())
    assert apart.left.value > everywhere.left.value + 0.3
    assert apart.value.value < 0.3  # it reads the other model's outcome
    assert DISAGREE.capitalize() in result.says
    assert [curve.name for curve in result.curves][1].startswith(f"the lead {DISAGREE}")


def test_too_few_disagreements_say_nothing() -> None:
    theirs = WORLD.data.right.copy()
    theirs[:6] = ~theirs[:6]
    _, result = result_of(WORLD.data.signals[EXACT], theirs)
    assert len(result.readings) == 1
    assert "too few" in result.says


def test_rows_that_a_peer_cannot_read_are_counted() -> None:
    whole = states_of(WORLD.data.signals[EXACT])
    some = PeerStates(whole.ids[::2], whole.states[:, ::2], 250)
    result = told(WORLD, [fit_peer(WORLD, some, "peer")], "Half", "no secret")
    assert result.readings[0].value.n < len(WORLD.tested.ids)
    assert dict(result.facts) == {"rows that peer, layer 1 could not read": "250"}


def test_random_weights_are_drawn_once_and_alike(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    drawn = with_random_weights(lm)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert with_random_weights(lm) is drawn
    again = with_random_weights(load_model(str(tiny_model)))
    ids = lm.prompt_ids("Paris?")
    assert torch.equal(drawn.states(ids), again.states(ids))
    assert not torch.allclose(drawn.states(ids), lm.states(ids), atol=0.1)
    assert not torch.equal(with_random_weights(lm, seed=1).states(ids), drawn.states(ids))


def context_of(run: Run, *peers: str) -> ControlContext:
    return ControlContext(RunData.load(run), ControlSettings(peers=peers))


def test_the_run_itself_as_peer_has_its_very_states(finished: Run) -> None:
    context = context_of(finished)
    peer = peer_named(context, str(finished.address))
    assert peer.run is not None
    read, outcomes = read_named_peer(context, peer)
    cell = context.cell
    own = TensorReader(context.data.states).read_cell(cell.site, cell.layer, cell.position, read.ids)
    torch.testing.assert_close(read.states[cell.layer], own.states[0].float(), rtol=1e-4, atol=1e-4)
    assert outcomes == {grade.key: grade.outcome for grade in context.data.grades}
    context.close()


def test_a_named_peer_is_asked_the_same_questions(finished: Run, tiny_model: Path) -> None:
    context = context_of(finished, str(tiny_model))
    read, outcomes = read_named_peer(context, peer_named(context, str(tiny_model)))
    assert set(read.ids) <= set(outcomes)
    scored = {grade.key: grade.outcome for grade in context.data.grades if grade.key in outcomes}
    assert outcomes == scored  # it is the same model, and graded as the run was
    context.close()


class Elsewhere:
    """A run whose model is in an engine: its tokens are here, its weights are not."""

    def __init__(self, active: ActiveRun) -> None:
        self.tokens, self.capture = active.tokens, active.capture
        self.question_set, self.questions_by_id = active.question_set, active.questions_by_id

    @property
    def model(self) -> None:
        raise AssertionError("the weights are elsewhere")


def test_a_peer_is_read_as_its_study_captures(finished: Run) -> None:
    context = context_of(finished)
    ids = context.data.labels.ids[:6]
    whole = read_peer(context, context.active, None, "itself", ids)
    elsewhere = ActiveRun(context.active.study, context.active.folder, context.active.keys, context.active.question_set)
    elsewhere.__dict__["executor"] = ThisMachine(Elsewhere(context.active), Stop())
    torch.testing.assert_close(read_peer(context, elsewhere, None, "itself", ids).states, whole.states)
    context.close()


def test_where_the_two_models_disagree_is_asked_for(finished: Run) -> None:
    context = context_of(finished, str(finished.address))
    assert "too few test answers where the two disagree" in measure(load_control("peer-probe"), context).says
    context.close()


def test_other_formats_and_random_networks_are_rows(finished: Run) -> None:
    context = context_of(finished)
    for name in ("random-network", "other-format"):
        finding = measure(load_control(name), context)
        assert finding.verdict is not V.NOT_RUN, finding.says
        assert finding.readings[0].value.value != finding.readings[0].probe.value  # not the run's own states
    assert measure(load_control("peer-probe"), context).verdict is V.NOT_RUN
    assert "other-format" not in chosen_names()
    assert chosen_names(only=["other-format"]) == ("other-format",)
    read = read_peer(context, context.active, asked_otherwise, "otherwise")
    assert read.left_out == len(context.data.labels.ids) - len(read.ids)
    context.close()


def test_a_peers_run_on_other_questions_is_refused(finished: Run) -> None:
    context = context_of(finished)
    peer = peer_named(context, str(finished.address))
    others = SimpleNamespace(
        questions_by_id={i: replace(q, text="Really?") for i, q in peer.run.questions_by_id.items()}
    )
    with pytest.raises(NotEnoughDataError, match="asks none of the questions"):
        peers_outcomes(context, replace(peer, run=others), context.active)
