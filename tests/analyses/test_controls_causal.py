"""Moving states where it is known what that does: one direction drives the answer, another drives nothing."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logit

from model_families import VOCABULARY, WIDTH, hooks_of, language_model
from truthmap.analyses.controls.causal_effects import Effects, MovedPlace, effects_of
from truthmap.analyses.controls.causal_moves import (
    ABLATED,
    AT_RANDOM,
    BACK,
    DOSES,
    FORTH,
    OUT_AT_RANDOM,
    Direction,
    changes_along,
    compared,
)
from truthmap.analyses.controls.command import rows_of
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlVerdict
from truthmap.analyses.controls.run import load_control, measure
from truthmap.answers.log_likelihood import score_tokens
from truthmap.errors import NotEnoughDataError
from truthmap.lm.model import LanguageModel
from truthmap.probes.linear import LinearProbe
from truthmap.records import Site, Span
from truthmap.runs.data import RunData
from truthmap.runs.run import Run

CAUSAL, IDLE, SAID = 3, 5, 9
N = 12


def passing_on() -> LanguageModel:
    """Return a model whose blocks hand their states on: axis 3 alone drives token 9, axis 5 no token at all."""
    lm = language_model("llama")
    model = copy.deepcopy(lm.model)
    draws = torch.Generator().manual_seed(1)
    for block in model.model.layers:
        block.self_attn.o_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()
    model.model.embed_tokens.weight.copy_(torch.randn((VOCABULARY, WIDTH), generator=draws))
    head = 0.3 * torch.randn((VOCABULARY, WIDTH), generator=draws)
    head[:, [CAUSAL, IDLE]] = 0.0
    head[SAID, CAUSAL] = 3.0
    model.lm_head.weight.copy_(head)
    return LanguageModel("passing on", model, lm.tokenizer, lm.settings)


LM = passing_on()
PLACES = [MovedPlace((7, 12 + n, 20 + n, 30, 40 + n, SAID, 11, 3), 4, Span(5, 6)) for n in range(N)]


def along(axis: int) -> Direction:
    return Direction(np.eye(WIDTH)[axis], 1.0, np.zeros(WIDTH))


def probe(axis: int) -> LinearProbe:
    return LinearProbe(np.eye(WIDTH)[axis], 0.0, np.zeros(WIDTH), np.ones(WIDTH), 1.0, converged=True, gap=0.0)


def effects(axis: int, later: dict[int, LinearProbe] | None = None) -> Effects:
    found = effects_of(LM, PLACES, (Site.RESIDUAL, 1), changes_along(along(axis)), later or {})
    return Effects(*(np.concatenate([getattr(e, f) for e in found]) for f in ("answer", "given", "rest", "right")))


GROUPS = [str(n) for n in range(N)]


def test_a_causal_direction_is_found() -> None:
    found = effects(CAUSAL)
    moved = compared(found.answer, (FORTH, BACK), AT_RANDOM, GROUPS, "test")
    assert moved.larger
    assert moved.p_value == pytest.approx(1 / 101)
    assert moved.probe > 3 * moved.random
    assert compared(found.answer, (ABLATED,), OUT_AT_RANDOM, GROUPS, "test").larger
    # Forward makes token 9 likelier with each dose, back less likely.
    doses = found.answer[:, [*range(len(DOSES), 0, -1), 0, *range(1 + len(DOSES), 1 + 2 * len(DOSES))]].mean(axis=0)
    assert (np.diff(doses) > 0).all()
    assert found.given[:, 2 * len(DOSES)].all()
    assert not found.given[:, len(DOSES)].any()


def test_an_idle_direction_is_not_causal() -> None:
    found = effects(IDLE)
    moved = compared(found.answer, (FORTH, BACK), AT_RANDOM, GROUPS, "test")
    assert not moved.larger
    assert moved.probe < moved.random
    assert not compared(found.answer, (ABLATED,), OUT_AT_RANDOM, GROUPS, "test").larger


def test_later_layers_read_what_was_moved() -> None:
    read = effects(CAUSAL, {2: probe(CAUSAL)})
    assert compared(read.right, (FORTH, BACK), AT_RANDOM, GROUPS, "test").larger
    assert not compared(effects(CAUSAL, {2: probe(IDLE)}).right, (FORTH, BACK), AT_RANDOM, GROUPS, "test").larger
    assert np.isnan(effects(CAUSAL).right).all()


def test_a_mean_is_moved_as_far_as_each_of_its_tokens() -> None:
    changes, later = changes_along(along(CAUSAL)), {2: probe(CAUSAL)}
    several = [replace(place, first=2) for place in PLACES]
    one, mean = (effects_of(LM, places, (Site.RESIDUAL, 1), changes, later) for places in (PLACES, several))
    for place, single, moved in zip(several, one, mean, strict=True):
        states = LM.states(place.ids)[1, 2:5, CAUSAL]
        assert logit(moved.right[0, 0]) == pytest.approx(states.mean().item(), abs=1e-4)
        doses = slice(1, 1 + 2 * len(DOSES))
        shifts = [logit(each.right[0, doses]) - logit(each.right[0, 0]) for each in (single, moved)]
        np.testing.assert_allclose(shifts[1], shifts[0], atol=1e-3)


def test_the_unmoved_answer_is_as_the_model_gives_it() -> None:
    lm = language_model("llama")  # blocks that do something
    hooks = hooks_of(lm)
    found = effects_of(lm, PLACES, (Site.RESIDUAL, 1), changes_along(along(CAUSAL)), {}, batch_tokens=100)
    scored = score_tokens(lm, [(place.ids[:5], place.ids[5:]) for place in PLACES], 8192)
    for one, other in zip(found, scored, strict=True):
        assert one.answer[0, 0] == pytest.approx(other.log_probs[0], abs=1e-4)
        assert one.rest[0, 0] == pytest.approx(np.mean(other.log_probs[1:]), abs=1e-4)
    assert hooks_of(lm) == hooks


def test_batches_change_no_effect() -> None:
    lm, changes = language_model("gpt2"), changes_along(along(CAUSAL))
    whole, parts = (effects_of(lm, PLACES[:2], (Site.MLP, 0), changes, {}, size) for size in (8192, 40))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.answer, other.answer, atol=1e-4)


def test_a_moved_token_in_the_answer_leaves_its_start_alone() -> None:
    late = [MovedPlace(place.ids, 5, Span(5, 6)) for place in PLACES]
    found = effects_of(LM, late, (Site.RESIDUAL, 1), changes_along(along(CAUSAL)), {})
    assert all(np.isnan(each.answer).all() and np.isfinite(each.rest).all() for each in found)
    with pytest.raises(NotEnoughDataError):
        compared(found[0].answer, (FORTH,), AT_RANDOM, GROUPS[:1], "test")


def test_the_row_says_what_was_moved(finished: Run) -> None:
    context = ControlContext(RunData.load(finished))
    finding = measure(load_control("causal"), context)
    context.close()
    assert finding.verdict in (ControlVerdict.APART, ControlVerdict.UNCLEAR), finding.says
    assert finding.share_left is None  # it says nothing of how much is left
    assert max(len(cells[0]) for cells in rows_of(finding)) <= 28  # whole in a terminal of 80 columns
