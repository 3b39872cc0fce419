"""Blocks and sites, found by asking the model, in every family."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from model_families import ALL, FAMILIES, LAYERS, ROUNDING, WIDTH, language_model, sequences, traced_alone
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel
from truthmap.lm.sites import find_blocks
from truthmap.records import Site

NO_FINAL_NORM = "opt, norm after"
"""OPT with the norm after each block: its last states are projected, not normed."""
STREAMS = "gemma3n, window"
"""Its states are those of several streams side by side: see test_trial_pass."""
IDS = sequences(0, (12,))[0]
EXPERTS = ("mixtral", "qwen3_moe", "gpt_oss")


def own_hidden_states(lm: LanguageModel) -> tuple[torch.Tensor, ...]:
    """The model's own account of its residual stream: the embeddings, then L layers; of shape (tokens, d)."""
    with torch.inference_mode():
        output = lm.model(torch.tensor([IDS]), output_hidden_states=True)
    return tuple(states[0] for states in output.hidden_states)


def final_norm(lm: LanguageModel) -> nn.Module | None:
    """The model's norm behind its last block, by the names that the families give it."""
    named = dict(lm.model.base_model.named_modules())
    names = ("norm", "ln_f", "final_layer_norm", "decoder.final_layer_norm", "language_model.norm")
    return next((named[name] for name in names if named.get(name) is not None), None)


@pytest.mark.parametrize("family", [family for family in ALL if family != STREAMS])
def test_residual_states_are_the_models_own_hidden_states(family: str) -> None:
    lm = language_model(family)
    states, own = traced_alone(lm, IDS), own_hidden_states(lm)
    assert len(own) == LAYERS + 1
    for layer in range(LAYERS - 1):
        torch.testing.assert_close(states[layer], own[layer + 1], rtol=0, atol=0)


@pytest.mark.parametrize("family", [family for family in ALL if family not in (NO_FINAL_NORM, STREAMS)])
def test_the_last_residual_states_are_before_the_final_norm(family: str) -> None:
    lm = language_model(family)
    last, own = traced_alone(lm, IDS)[-1], own_hidden_states(lm)[-1]
    norm = final_norm(lm)
    assert norm is not None
    torch.testing.assert_close(norm(last), own, rtol=0, atol=0)
    assert not torch.allclose(last, own, atol=0.1)


def test_the_last_residual_states_are_before_a_projection() -> None:
    lm = language_model(NO_FINAL_NORM)
    assert final_norm(lm) is None
    last, own = traced_alone(lm, IDS)[-1], own_hidden_states(lm)[-1]
    torch.testing.assert_close(lm.model.base_model.decoder.project_out(last), own, rtol=0, atol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_and_mlp_add_up_to_what_a_block_adds(family: str) -> None:
    lm = language_model(family)
    residual = traced_alone(lm, IDS)
    attention, mlp = traced_alone(lm, IDS, Site.ATTENTION)[1:], traced_alone(lm, IDS, Site.MLP)[1:]
    if family in ("gemma2", "gemma3", "olmo2"):  # these norm each part before they add it
        parts = [
            block.post_attention_layernorm(a) + block.post_feedforward_layernorm(m)
            for block, a, m in zip(lm.blocks.modules[1:], attention, mlp, strict=True)
        ]
        added = torch.stack(parts)
    else:
        added = attention + mlp
    torch.testing.assert_close(residual[:-1] + added, residual[1:], **ROUNDING)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in EXPERTS])
def test_mlp_post_is_what_the_last_projection_turns_into_mlp(family: str) -> None:
    lm = language_model(family)
    before, after = traced_alone(lm, IDS, Site.MLP_POST), traced_alone(lm, IDS, Site.MLP)
    assert before.shape[-1] in (48, 4 * WIDTH)
    for hook_point, given, came in zip(lm.blocks.at(Site.MLP_POST), before, after, strict=True):
        assert hook_point.reads_input
        torch.testing.assert_close(hook_point.module(given), came, **ROUNDING)


@pytest.mark.parametrize("family", [*EXPERTS, "qwen3_moe, some layers dense"])
def test_a_mixture_of_experts_says_why_it_has_no_mlp_post(family: str) -> None:
    blocks = language_model(family).blocks
    with pytest.raises(
        ModelError, match=r"no site mlp_post: its MLP is a mixture of experts.*; it has residual, mlp, att"
    ):
        blocks.at(Site.MLP_POST)


def test_blocks_can_be_named_and_a_wrong_name_is_told() -> None:
    model = language_model("llama").model
    assert find_blocks(model, "model.layers").modules == language_model("llama").blocks.modules
    with pytest.raises(ModelError, match=r"no module 'model.lairs' \(given as `blocks`\)"):
        find_blocks(model, "model.lairs")
    with pytest.raises(ModelError, match=r"`blocks` = 'model.norm' names a LlamaRMSNorm, expected a non-empty list"):
        find_blocks(model, "model.norm")


class Twofold(nn.Module):
    """Stands for a model with as many layers in two lists."""

    def __init__(self, **lists: nn.ModuleList) -> None:
        super().__init__()
        self.config = language_model("llama").model.config
        for name, modules in lists.items():
            setattr(self, name, modules)


def test_a_model_that_counts_no_blocks_says_what_to_set() -> None:
    nameless: Any = Twofold()
    nameless.config = SimpleNamespace(model_type="blt", get_text_config=SimpleNamespace)
    with pytest.raises(ModelError, match=r"blt does not say how many blocks it has .*--blocks model.layers"):
        find_blocks(nameless)


def test_several_possible_block_lists_are_named_with_the_setting() -> None:
    layers = [nn.ModuleList(nn.Linear(2, 2) for _ in range(LAYERS)) for _ in range(2)]
    model: Any = Twofold(upper=layers[0], lower=layers[1])
    with pytest.raises(ModelError, match=r"one list of 3 blocks in Twofold, found several: upper, lower; .*--blocks"):
        find_blocks(model)
    without: Any = Twofold()
    with pytest.raises(ModelError, match=r"one list of 3 blocks in Twofold, found none; .*--blocks"):
        find_blocks(without)
