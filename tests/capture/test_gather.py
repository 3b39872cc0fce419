"""The positions picked from states that were kept on the way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from truthmap.capture.gather import gather
from truthmap.errors import ModelError
from truthmap.positions import PAPER, LocatedPositions, Position
from truthmap.records import RowKey, Site
from truthmap.store.tokens import TokenStates

LAYERS, WIDTH = 2, 4
PROMPTS, ANSWERS = (5, 9, 7), (3, 6, 1)


def token_states() -> TokenStates:
    """States that say where they are from: layer, answer, column."""
    shape = (LAYERS, 3, 1 + max(ANSWERS), WIDTH)
    layer, n, column = (torch.arange(size, dtype=torch.float32) for size in shape[:3])
    states = 100 * layer[:, None, None] + 10 * n[:, None] + column
    return TokenStates(("a", "b", "c"), PROMPTS, ANSWERS, {Site.RESIDUAL: states[..., None].repeat(1, 1, 1, WIDTH)})


def located() -> LocatedPositions:
    """The last prompt token, the last answer token, and the rest missing."""
    found = {}
    for i, prompt, answer in zip(("a", "b", "c"), PROMPTS, ANSWERS, strict=True):
        found[i] = np.full(len(PAPER), -1, dtype=np.int32)
        found[i][[0, -1]] = prompt - 1, prompt + answer - 1
    return LocatedPositions(PAPER, found)


def test_each_position_is_read_from_its_own_column() -> None:
    shard = gather(token_states(), located())
    assert shard.ids == ("a", "b", "c")
    states = shard.states[Site.RESIDUAL]
    assert states.shape == (LAYERS, len(PAPER), 3, WIDTH)
    assert states[1, 0, :, 0].tolist() == [100.0, 110.0, 120.0]
    assert states[1, -1, :, 0].tolist() == [103.0, 116.0, 121.0]
    assert states[0, -1, :, 0].tolist() == [3.0, 16.0, 21.0]


def test_any_positions_may_be_picked() -> None:
    few = (Position.of("-1"), Position.of("last_q"))
    index = {i: np.array([found[-1], found[0]]) for i, found in located().index.items()}
    shard = gather(token_states(), LocatedPositions(few, index))
    assert shard.positions == few
    assert shard.states[Site.RESIDUAL][1, :, :, 0].tolist() == [[103.0, 116.0, 121.0], [100.0, 110.0, 120.0]]


def test_a_mean_is_that_of_its_tokens_alone() -> None:
    positions = (Position.of("mean(answer)"), Position.of("last_q"))
    ranges = {i: np.array([[p, p + a], [p - 1, p]]) for i, p, a in zip("abc", PROMPTS, ANSWERS, strict=True)}
    shard = gather(token_states(), LocatedPositions.of(positions, {RowKey(i): r for i, r in ranges.items()}))
    assert shard.states[Site.RESIDUAL][1, :, :, 0].tolist() == [[102.0, 113.5, 121.0], [100.0, 110.0, 120.0]]


def test_a_mean_of_narrow_numbers_is_taken_in_wide_ones() -> None:
    positions = (Position.of("mean(answer)"),)
    many = torch.full((1, 1, 4001, 1), 1.0)
    many[0, 0, 1:] = 1 + torch.arange(4000)[:, None] / 8000
    narrow = TokenStates(("a",), (1,), (4000,), {Site.RESIDUAL: many.to(torch.bfloat16)})
    shard = gather(narrow, LocatedPositions.of(positions, {RowKey("a"): np.array([[1, 4001]])}))
    expected = narrow.states[Site.RESIDUAL][0, 0, 1:].double().mean()
    assert float(shard.states[Site.RESIDUAL][0, 0, 0, 0]) == pytest.approx(float(expected), rel=2**-8)


def test_a_missing_position_is_marked_and_zero() -> None:
    shard = gather(token_states(), located())
    assert shard.present.sum() == 6
    assert not shard.states[Site.RESIDUAL][:, 1:-1].any()


def test_answers_without_positions_are_left_out() -> None:
    index = {i: p for i, p in located().index.items() if i != "b"}
    shard = gather(token_states(), LocatedPositions(PAPER, index))
    assert shard.ids == ("a", "c")
    assert shard.states[Site.RESIDUAL][1, -1, :, 0].tolist() == [103.0, 121.0]
    assert gather(token_states(), LocatedPositions(PAPER, {})).ids == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_states_that_are_not_finite_are_named_by_their_place(value: float, dtype: torch.dtype) -> None:
    tokens = token_states()
    states = tokens.states[Site.RESIDUAL].to(dtype)
    states[1, 1, ANSWERS[1], 2] = value
    broken = TokenStates(tokens.ids, PROMPTS, ANSWERS, {Site.RESIDUAL: states})
    said = (
        r"1 states of site residual are NaN or infinite \(layer 1, -1, question b\): nothing of these answers was "
        r"written; a wider dtype usually helps"
    )
    with pytest.raises(ModelError, match=said):
        gather(broken, located())


def test_what_is_not_finite_outside_the_positions_does_not_matter() -> None:
    tokens = token_states()
    tokens.states[Site.RESIDUAL][:, 0, 1:3] = float("nan")
    tokens.states[Site.RESIDUAL][:, 2, 2:] = float("inf")
    assert torch.isfinite(gather(tokens, located()).states[Site.RESIDUAL]).all()


def test_two_claims_of_an_answer_are_two_rows_of_its_states() -> None:
    first, second = RowKey.of("b"), RowKey.of("b", claim=1)
    index = dict(located().index)
    index[second] = np.full(len(PAPER), -1, dtype=np.int32)
    index[second][[3, -1]] = PROMPTS[1] + 1, PROMPTS[1] + ANSWERS[1] - 1
    shard = gather(token_states(), LocatedPositions(PAPER, index))
    assert shard.ids == ("a", first, second, "c")
    states = shard.states[Site.RESIDUAL]
    assert states[1, 3, :, 0].tolist() == [0.0, 0.0, 112.0, 0.0]
    assert torch.equal(states[:, -1, 1], states[:, -1, 2])
    assert states[1, -1, :, 0].tolist() == [103.0, 116.0, 116.0, 121.0]
