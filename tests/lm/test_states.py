"""All states of a prompt and its answer: the model's own, by layer and site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from model_families import language_model
from truthmap.errors import ModelError, UsageError
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel
from truthmap.records import Site

IDS = tuple(range(3, 12))


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model))


def own(lm: LanguageModel, ids: tuple[int, ...]) -> torch.Tensor:
    """Return what transformers calls the hidden states, before each block but the first: (L - 1, T, d)."""
    with torch.inference_mode():
        found = lm.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    return torch.stack([states[0] for states in found[1:-1]])


def test_they_are_the_models_own_hidden_states(lm: LanguageModel) -> None:
    found = lm.states(IDS)
    assert found.shape == (2, len(IDS), lm.width)
    torch.testing.assert_close(found[:-1], own(lm, IDS))


def test_prompt_and_answer_are_read_as_one_sequence(lm: LanguageModel) -> None:
    asked = lm.prompt_ids("Paris?")
    whole = (*asked, *lm.encode("France"))
    assert torch.equal(lm.states("Paris?", "France"), lm.states(whole))
    torch.testing.assert_close(lm.states("Paris?", "France")[:, : len(asked)], lm.states("Paris?"))


def test_layers_and_sites_are_chosen(lm: LanguageModel) -> None:
    whole = lm.states(IDS)
    assert torch.equal(lm.states(IDS, layers=[-1, 0]), whole[[1, 0]])
    several = lm.states(IDS, sites=["residual", Site.MLP], layers=[1])
    assert list(several) == [Site.RESIDUAL, Site.MLP]
    assert torch.equal(several[Site.RESIDUAL], whole[1:])


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "qwen3"])
def test_heads_are_what_the_last_projection_turns_into_attention(family: str) -> None:
    lm = language_model(family)
    heads, attention = lm.states(IDS, sites=["head", "attention"]).values()
    assert heads.unflatten(-1, (lm.n_heads, -1)).shape[:3] == (lm.n_layers, len(IDS), lm.n_heads)
    for layer, point in enumerate(lm.blocks.at(Site.HEAD)):
        assert point.reads_input
        with torch.inference_mode():
            torch.testing.assert_close(point.module(heads[layer]), attention[layer])


def hooks(lm: LanguageModel) -> list[tuple[int, int]]:
    return [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in lm.model.modules()]


def test_no_hook_stays_behind(lm: LanguageModel) -> None:
    before = hooks(lm)
    lm.states(IDS, sites=("residual", "mlp", "mlp_post", "attention", "head"))
    assert hooks(lm) == before


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"layers": [2]}, UsageError, "there is no layer 2: .* has 2, from 0 to 1"),
        ({"prompt": ()}, UsageError, "prompt and answer have no tokens"),
        ({"answer": (3,) * 200}, ModelError, "reads at most 128 tokens, these are 209"),
    ],
)
def test_what_cannot_be_read_is_named(lm: LanguageModel, arguments: dict[str, Any], kind: type, said: str) -> None:
    with pytest.raises(kind, match=said):
        lm.states(**{"prompt": IDS, **arguments})
