"""Hooks show what passes and are always taken off again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model_families import hooks_of, language_model
from truthmap.lm.hooks import HookPoint, first_tensor, record_calls, record_hidden_states
from truthmap.records import Site


def test_outputs_and_inputs_are_shown_with_their_layer() -> None:
    double, triple = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    double.weight.data.fill_(2.0)
    triple.weight.data.fill_(3.0)
    seen: list[tuple[int, float]] = []
    hook_points = [HookPoint(double), HookPoint(triple, reads_input=True)]
    with torch.no_grad(), record_hidden_states(hook_points, lambda layer, states: seen.append((layer, states.item()))):
        triple(double(torch.ones(1)))
    triple(double(torch.ones(1)))
    assert seen == [(0, 2.0), (1, 2.0)]


def test_hooks_go_even_when_looking_fails() -> None:
    lm = language_model("llama")
    before = hooks_of(lm)
    with pytest.raises(ZeroDivisionError), record_hidden_states(lm.blocks.at(Site.RESIDUAL), lambda *_: 1 / 0):
        lm.model(torch.ones((1, 2), dtype=torch.long))
    assert hooks_of(lm) == before


def test_the_order_of_calls_is_recorded() -> None:
    one, other = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad(), record_calls([one, other]) as calls:
        other(one(one(torch.ones(1))))
    assert calls == {one: 1, other: 2}
    assert not one._forward_hooks


def test_states_are_found_in_tuples() -> None:
    states = torch.ones(2)
    assert first_tensor(states) is states
    assert first_tensor((states, None)) is states
    assert first_tensor(((states,), 1)) is states
