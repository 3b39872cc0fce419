"""States captured in a second pass are those of one plain forward pass over each answer alone, in every family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_families import ALL, ROUNDING, hooks_of, language_model, sequences, traced_alone
from truthmap.capture import second_pass as reading
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.errors import ModelError
from truthmap.grading.token_spans import locate_ranges
from truthmap.lm.model import LanguageModel
from truthmap.positions import PAPER, LocatedPositions, Position
from truthmap.records import Answer, RowKey, Site

SETTINGS = CaptureSettings()
MISSING = 4  # this position is missing in every other answer


THERE = (Site.RESIDUAL, Site.MLP, Site.MLP_POST, Site.ATTENTION)


def answers(shared: int = 12) -> list[Answer]:
    ids = sequences(shared, own=(13, 24, 17, 11, 19, 12))
    cut = [shared + 1 + n for n in range(len(ids))]
    return [
        Answer(f"q{n}", row[:at], row[at:], "", (), tuple((0, 0) for _ in row[at:]), finished=True)
        for n, (row, at) in enumerate(zip(ids, cut, strict=True))
    ]


def places(of: list[Answer]) -> LocatedPositions:
    """Positions all over prompt end and answer, out of order, some missing."""
    found = {}
    for n, answer in enumerate(of):
        room = len(answer.answer_ids) + 1
        where = [len(answer.prompt_ids) - 1 + (7 * p + n) % room for p in range(len(PAPER))]
        if n % 2:
            where[MISSING] = -1
        found[answer.question_id] = np.array(where, dtype=np.int32)
    return LocatedPositions(PAPER, found)


def require_own_states(lm: LanguageModel, of: list[Answer], settings: CaptureSettings, site: Site) -> None:
    where = places(of)
    shard = capture_states(lm, of, where, (site,), settings)
    assert shard.ids == tuple(answer.question_id for answer in of)
    for n, answer in enumerate(of):
        own = traced_alone(lm, answer.prompt_ids + answer.answer_ids, site)
        for p, place in enumerate(where.index[answer.question_id].tolist()):
            assert shard.present[p, n] == (place >= 0)
            expected = own[:, place] if place >= 0 else torch.zeros_like(own[:, 0])
            torch.testing.assert_close(shard.states[site][:, p, n], expected, **ROUNDING)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("family", ALL)
def test_captured_states_are_those_of_a_single_forward_pass(family: str, share: bool) -> None:
    settings = replace(SETTINGS, share_prefix=share, batch_tokens=100)
    require_own_states(language_model(family), answers(), settings, Site.RESIDUAL)


@pytest.mark.parametrize("site", [Site.MLP, Site.MLP_POST, Site.ATTENTION])
@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "bloom"])
def test_the_other_sites_too(family: str, site: Site) -> None:
    require_own_states(language_model(family), answers(), SETTINGS, site)


@pytest.mark.parametrize("family", ["mixtral", "qwen3_moe", "gpt_oss"])
def test_the_mlp_of_experts_too(family: str) -> None:
    require_own_states(language_model(family), answers(), SETTINGS, Site.MLP)


def test_several_sites_are_read_in_one_pass() -> None:
    lm, of = language_model("llama"), answers()
    together = capture_states(lm, of, places(of), THERE, SETTINGS)
    for site in THERE:
        alone = capture_states(lm, of, places(of), (site,), SETTINGS)
        assert torch.equal(together.states[site], alone.states[site])


@pytest.mark.parametrize("budget", [1, 50, 100, 10_000])
def test_the_cut_into_batches_changes_nothing_but_rounding(budget: int) -> None:
    lm, of = language_model("gpt2"), answers()
    whole = capture_states(lm, of, places(of), (Site.RESIDUAL,), SETTINGS)
    told: list[int] = []
    cut = capture_states(lm, of, places(of), (Site.RESIDUAL,), CaptureSettings(batch_tokens=budget), told.append)
    torch.testing.assert_close(cut.states[Site.RESIDUAL], whole.states[Site.RESIDUAL], **ROUNDING)
    assert told[-1] == len(of)
    assert len(told) == {1: 6, 50: 5, 100: 3, 10_000: 1}[budget]


def claims(of: list[Answer]) -> LocatedPositions:
    """The rows of `places`, and for two answers a second claim with other positions."""
    first = places(of).index
    second = {RowKey.of(i, claim=1): np.roll(first[i], 3) for i in ("q1", "q4")}
    return LocatedPositions(PAPER, {**second, **first})


@pytest.mark.parametrize("budget", [1, 50, 10_000])
def test_an_answer_with_two_claims_is_read_once(budget: int) -> None:
    lm, of = language_model("llama"), answers()
    where, settings = claims(of), CaptureSettings(batch_tokens=budget)
    told: list[int] = []
    single = capture_states(lm, of, places(of), (Site.RESIDUAL,), settings)
    double = capture_states(lm, of, where, (Site.RESIDUAL,), settings, told.append)
    second = [RowKey.of(i, claim=1) for i in ("q1", "q4")]
    assert double.ids == ("q0", "q1", second[0], "q2", "q3", "q4", second[1], "q5")
    assert told[-1] == len(of)
    states = double.states[Site.RESIDUAL]
    assert torch.equal(states[:, :, [0, 1, 3, 4, 5, 7]], single.states[Site.RESIDUAL])
    assert torch.equal(states[:, :, [2, 6]], single.states[Site.RESIDUAL][:, :, [1, 4]].roll(3, dims=1))
    assert double.present[:, [2, 6]].tolist() == np.roll(single.present[:, [1, 4]], 3, axis=0).tolist()


ANYWHERE = tuple(map(Position.of, ("prompt[0]", "mean(prompt)", "mean(answer)", "answer[50%]", "thought[0]", "-1")))


@pytest.mark.parametrize("budget", [1, 10_000])
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3, window"])
def test_means_and_places_in_the_prompt_are_read_too(family: str, budget: int) -> None:
    lm, of = language_model(family), answers()
    where = LocatedPositions.of(ANYWHERE, {a.key: locate_ranges(a, None, ANYWHERE) for a in of})
    shard = capture_states(lm, of, where, (Site.RESIDUAL,), CaptureSettings(batch_tokens=budget))
    states = shard.states[Site.RESIDUAL]
    assert shard.present.tolist() == [[True] * len(of)] * 4 + [[False] * len(of)] + [[True] * len(of)]
    for n, answer in enumerate(of):
        own, begun = traced_alone(lm, answer.prompt_ids + answer.answer_ids, Site.RESIDUAL), len(answer.prompt_ids)
        half = begun + len(answer.answer_ids) // 2  # of an even number of tokens, the later of the middle two
        expected = [own[:, 0], own[:, :begun].mean(1), own[:, begun:].mean(1), own[:, half], 0 * own[:, 0], own[:, -1]]
        torch.testing.assert_close(states[:, :, n], torch.stack(expected, dim=1), **ROUNDING)


def test_answers_that_have_none_of_the_positions_are_all_missing() -> None:
    of, thought = answers(), (Position.of("thought[50%]"),)
    where = LocatedPositions.of(thought, {a.key: locate_ranges(a, None, thought) for a in of})
    shard = capture_states(language_model("llama"), of, where, (Site.RESIDUAL,), SETTINGS)
    assert not shard.present.any()
    assert not shard.states[Site.RESIDUAL].any()


def test_no_logits_are_computed() -> None:
    lm, of = language_model("llama"), answers()
    calls = []
    handle = lm.model.get_output_embeddings().register_forward_hook(lambda *_: calls.append(1))
    try:
        capture_states(lm, of, places(of), (Site.RESIDUAL,), SETTINGS)
    finally:
        handle.remove()
    assert calls == []


def test_nothing_behind_the_last_position_is_read() -> None:
    lm, of = language_model("llama"), answers()
    assert lm.n_layers, "finding the blocks reads two tokens"
    index = {answer.question_id: np.full(len(PAPER), len(answer.prompt_ids), dtype=np.int32) for answer in of}
    read = []
    handle = lm.model.get_input_embeddings().register_forward_hook(lambda _m, given, _o: read.append(given[0].shape))
    try:
        capture_states(lm, of, LocatedPositions(PAPER, index), (Site.RESIDUAL,), SETTINGS)
    finally:
        handle.remove()
    longest = max(len(answer.prompt_ids) for answer in of) + 1
    assert read == [(1, 12), (len(of), longest - 12)], "the shared prefix once, then each row up to its last position"


def test_when_memory_runs_out_the_batch_is_halved_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lm, of = language_model("llama"), answers()
    whole = capture_states(lm, of, places(of), (Site.RESIDUAL,), SETTINGS)
    read = reading._read
    tried = []

    def cramped(*given: object) -> None:
        rows = given[3]
        assert isinstance(rows, list)
        tried.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("simulated")
        read(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "_read", cramped)
    halved = capture_states(lm, of, places(of), (Site.RESIDUAL,), SETTINGS)
    torch.testing.assert_close(halved.states[Site.RESIDUAL], whole.states[Site.RESIDUAL], **ROUNDING)
    assert tried == [6, 3, 1, 2, 1, 2]


def test_states_that_are_not_finite_are_named() -> None:
    lm, of = language_model("llama"), answers()
    projection = lm.model.model.layers[1].mlp.down_proj
    handle = projection.register_forward_hook(lambda _m, _i, output: output.fill_(float("nan")))
    try:
        with pytest.raises(
            ModelError, match=r"states of site residual are NaN or infinite \(layer 1, last_q, question q0"
        ):
            capture_states(lm, of, places(of), (Site.RESIDUAL,), SETTINGS)
    finally:
        handle.remove()


def test_no_hook_stays_behind() -> None:
    lm, of = language_model("llama"), answers()
    before = hooks_of(lm)
    capture_states(lm, of, places(of), THERE, SETTINGS)
    assert hooks_of(lm) == before
