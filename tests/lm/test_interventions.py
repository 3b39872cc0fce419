"""Hidden states that are changed in a pass: exactly those, exactly so, and never afterwards."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from model_families import hooks_of, language_model, sequences, traced
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.errors import UsageError
from truthmap.lm.interventions import Ablation, Edit, Shift, edit_hidden_states
from truthmap.lm.model import LanguageModel
from truthmap.records import Site

KINDS = ("llama", "gpt2", "opt", "mixtral", "falcon, new blocks", "gemma3n, window")
"""Blocks that hand on tensors, tuples, rows of tokens, parallel streams."""
SITES = [
    (kind, site)
    for kind in KINDS
    for site, points in language_model(kind).blocks.hook_points.items()
    if not isinstance(points, str)
]
LAYER = 1


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and mask (rows, tokens) of sequences of different lengths, padded on the right."""
    rows = sequences(2)
    longest = max(map(len, rows))
    tokens = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in rows])
    return tokens, torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in rows])


def read(lm: LanguageModel, site: Site, *edits: Edit, where: torch.Tensor | None = None) -> torch.Tensor:
    """Return the states (L, rows, tokens, d) of a site, changed at one layer one edit after the other."""
    point = lm.blocks.at(site)[LAYER]
    contexts = [edit_hidden_states(point, edit, where) for edit in edits]
    with contexts[0] if contexts else nullcontext(), contexts[1] if len(contexts) > 1 else nullcontext():
        return traced(lm, *batch(), site)


@pytest.mark.parametrize(("kind", "site"), SITES)
def test_size_zero_changes_no_bit(kind: str, site: Site) -> None:
    lm = language_model(kind)
    plain = read(lm, site)
    zero = Shift(torch.zeros(len(batch()[0]), plain.shape[-1]))
    assert torch.equal(read(lm, site, zero, where=batch()[1].bool()), plain)


@pytest.mark.parametrize(("kind", "site"), SITES)
def test_only_the_chosen_tokens_are_changed(kind: str, site: Site) -> None:
    lm = language_model(kind)
    plain = read(lm, site)
    where = torch.zeros(plain.shape[1:3], dtype=torch.bool)
    where[0, 2], where[3, 1] = True, True
    by = torch.randn((len(where), plain.shape[-1]), generator=torch.Generator().manual_seed(2))
    changed = read(lm, site, Shift(by), where=where)
    torch.testing.assert_close(changed[LAYER][where], plain[LAYER][where] + by[[0, 3]])
    others = [row for row in range(len(where)) if row not in (0, 3)]
    assert torch.equal(changed[:, others], plain[:, others])  # of padded rows too
    assert torch.equal(changed[:LAYER], plain[:LAYER])
    assert torch.equal(changed[:, 0, :2], plain[:, 0, :2])  # nothing flows back


@pytest.mark.parametrize("kind", KINDS)
def test_later_layers_see_the_change(kind: str) -> None:
    lm = language_model(kind)
    plain = read(lm, Site.RESIDUAL)
    by = torch.randn(plain.shape[-1], generator=torch.Generator().manual_seed(2))
    changed = read(lm, Site.RESIDUAL, Shift(by), where=torch.ones(plain.shape[1:3], dtype=torch.bool))
    assert ((changed - plain)[LAYER + 1].abs().amax(dim=-1) > 1e-3).all()


@pytest.mark.parametrize(("kind", "site"), SITES)
def test_ablating_twice_is_ablating_once(kind: str, site: Site) -> None:
    lm = language_model(kind)
    plain = read(lm, site)
    draws = torch.Generator().manual_seed(3)
    directions = torch.randn((len(batch()[0]), plain.shape[-1]), generator=draws)
    centre = torch.randn(plain.shape[-1], generator=draws)
    edit = Ablation(directions, centre)
    everywhere = torch.ones(plain.shape[1:3], dtype=torch.bool)
    once = read(lm, site, edit, where=everywhere)
    assert torch.equal(read(lm, site, edit, edit, where=everywhere), once)
    share = torch.einsum("rtd,rd->rt", once[LAYER] - centre, directions / directions.norm(dim=-1, keepdim=True))
    torch.testing.assert_close(share, torch.zeros_like(share), rtol=0, atol=1e-4)
    assert not torch.allclose(once[LAYER], plain[LAYER], atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_edits_keep_to_their_laws_in_every_dtype(dtype: torch.dtype) -> None:
    draws = torch.Generator().manual_seed(4)
    states = (100 * torch.randn((50, 16), generator=draws)).to(dtype)
    states[0, 0] = -0.0
    rows = torch.arange(50)
    same = Shift(torch.zeros(16))(states, rows)
    assert torch.equal(same.view(torch.uint8), states.view(torch.uint8))
    for length in (1e-6, 1.0, 1e6):
        edit = Ablation(length * torch.randn(16, generator=draws), 50 * torch.ones(16))
        once = edit(states, rows)
        assert torch.equal(edit(once, rows), once)
        assert once.dtype is dtype
    assert torch.equal(Ablation(torch.zeros(16), torch.ones(16))(states, rows), states)


def test_a_shift_and_its_opposite_are_none() -> None:
    by = torch.linspace(-2, 2, 32)
    lm = language_model("llama")
    torch.testing.assert_close(read(lm, Site.MLP, Shift(by), Shift(-by)), read(lm, Site.MLP))


def test_the_model_is_itself_again_afterwards() -> None:
    lm = language_model("llama")
    before, hooks = read(lm, Site.RESIDUAL), hooks_of(lm)
    assert not torch.equal(read(lm, Site.RESIDUAL, Shift(torch.ones(32))), before)
    assert hooks_of(lm) == hooks
    assert torch.equal(read(lm, Site.RESIDUAL), before)


def test_hooks_go_even_when_a_pass_fails() -> None:
    lm = language_model("llama")
    hooks = hooks_of(lm)
    with pytest.raises(UsageError, match="32 numbers each, and they are to be changed by 7"):
        read(lm, Site.RESIDUAL, Shift(torch.ones(7)))
    with pytest.raises(UsageError, match="give it the shape of the token ids"):
        read(lm, Site.RESIDUAL, Shift(torch.ones(32)), where=torch.ones((2, 2), dtype=torch.bool))
    opt = language_model("opt")  # its MLP is handed all tokens of all rows in one line
    with pytest.raises(UsageError, match=r"vectors for 2 rows .*`where`"):
        read(opt, Site.MLP, Shift(torch.ones(2, 32)))
    assert hooks_of(lm) == hooks


def test_answers_are_generated_under_an_intervention() -> None:
    lm = language_model("llama")
    prompts = [Prompt(f"q{n}", ids) for n, ids in enumerate(sequences(2))]
    settings = GenerateSettings(max_new_tokens=6)

    def said() -> list[tuple[int, ...]]:
        return [a.answer_ids for done in generate_answers(lm, prompts, settings) for a in done.answers]

    plain = said()
    # The last block's states turned toward one word's row of the output matrix: it is all that is said.
    toward = 1e4 * lm.model.get_output_embeddings().weight[9]
    with edit_hidden_states(lm.blocks.at(Site.RESIDUAL)[-1], Shift(toward)):
        assert {i for ids in said() for i in ids} == {9}
    assert said() == plain
