"""Batched = single, for both padding sides, whatever the lengths: padding may change nothing."""

from __future__ import annotations

import pytest
import torch

from model_families import ALL, ROUNDING, language_model, sequences, traced, traced_alone
from truthmap.lm.forward_inputs import forward_inputs


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("family", ALL)
def test_batched_states_are_single_ones(family: str, side: str) -> None:
    lm = language_model(family)
    rows = sequences(0, (12, 20, 1, 7, 19))
    longest = max(map(len, rows))
    tokens, mask = torch.zeros((2, len(rows), longest), dtype=torch.long)
    places = [slice(longest - len(row), longest) if side == "left" else slice(0, len(row)) for row in rows]
    for n, (row, place) in enumerate(zip(rows, places, strict=True)):
        tokens[n, place], mask[n, place] = torch.tensor(row), 1
    batched = traced(lm, tokens, mask)
    for n, (row, place) in enumerate(zip(rows, places, strict=True)):
        torch.testing.assert_close(batched[:, n, place], traced_alone(lm, row), **ROUNDING)


def test_each_token_gets_its_position_whatever_the_padding() -> None:
    mask = torch.tensor([[1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    tokens = torch.zeros((3, 4), dtype=torch.long)
    places = forward_inputs(language_model("gpt2").model, tokens, mask, start=2)["position_ids"]
    assert places.tolist() == [[1, 1, 2, 3], [2, 3, 4, 5], [2, 3, 3, 3]]


def test_a_model_with_relative_places_only_is_told_none() -> None:
    tokens = torch.zeros((1, 4), dtype=torch.long)
    assert "position_ids" not in forward_inputs(language_model("bloom").model, tokens, torch.ones_like(tokens))
