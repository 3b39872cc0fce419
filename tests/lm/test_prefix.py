"""The shared part of the prompts: computed once, never too long, never spoilt by those who use it."""

from __future__ import annotations

import pytest
import torch

from model_families import ALL, LAYERS, WINDOW, language_model, sequences
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings
from truthmap.capture.second_pass import StateCapture
from truthmap.lm.accepted import carried
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import NO_PREFIX, PrefixCache, shared_ids


def test_what_all_share_is_found_and_each_keeps_a_token_of_its_own() -> None:
    lm = language_model("llama")
    assert shared_ids(lm, sequences(9)) == sequences(9)[0][:9]
    nested = [(5, 6, 7, 8, 9, 10), (5, 6, 7, 8, 9, 10, 11), (5, 6, 7, 8, 9, 10, 12)]
    assert shared_ids(lm, nested) == (5, 6, 7, 8, 9)


@pytest.mark.parametrize("given", [[], [(5, 6, 7, 8, 9)], [(5, 6, 7, 8), (5, 6, 7, 9)], [(3, 4), (5, 6)]])
def test_nothing_is_shared_where_it_would_not_pay(given: list[tuple[int, ...]]) -> None:
    assert PrefixCache(language_model("llama")).shared_by(given) is NO_PREFIX
    assert NO_PREFIX.cache_for(3) is None


def test_using_the_prefix_leaves_it_as_it_was() -> None:
    lm = language_model("gemma2, window")
    prefix = PrefixCache(lm).shared_by(sequences(12))
    before = [layer.keys.clone() for layer in prefix.cache_for(1).layers]
    used = prefix.cache_for(3)
    lm.model(torch.full((3, 4), 5), **carried(lm.model, used))
    for layer, kept, extended in zip(prefix.cache_for(1).layers, before, used.layers, strict=True):
        assert torch.equal(layer.keys, kept)
        assert len(extended.keys) == 3
    assert prefix.cache_for(1).get_seq_length() == 12


def test_a_prefix_is_computed_once_however_often_it_is_shared() -> None:
    lm = language_model("llama")
    prefixes = PrefixCache(lm)
    passes = []
    handle = lm.model.base_model.register_forward_hook(lambda *_: passes.append(1))
    try:
        first = prefixes.shared_by(sequences(12))
        assert prefixes.shared_by(sequences(12)[1:4]) is first
        assert len(passes) == 1
        assert prefixes.shared_by(sequences(9)).length == 9
        assert prefixes.shared_by(sequences(12)) is not first, "older prefixes take no memory"
    finally:
        handle.remove()


def test_a_model_forgets_no_prefix_because_it_holds_none() -> None:
    lm = language_model("llama")
    before = set(vars(lm))
    PrefixCache(lm).shared_by(sequences(12))
    assert set(vars(lm)) == before


def test_keys_and_values_of_another_model_are_refused() -> None:
    prefixes = PrefixCache(language_model("llama"))
    with pytest.raises(AssertionError, match="keys and values of another model"):
        next(generate_answers(language_model("gpt2"), [], GenerateSettings(), prefixes=prefixes))
    with pytest.raises(AssertionError, match="keys and values of another model"):
        StateCapture(language_model("gpt2"), prefixes=prefixes)


def test_recurrent_models_share_nothing() -> None:
    import transformers

    config = transformers.MambaConfig(vocab_size=64, hidden_size=16, state_size=4, num_hidden_layers=2)
    model = transformers.MambaForCausalLM(config).eval()
    lm = LanguageModel("mamba", model, language_model("llama").tokenizer, LoadSettings())
    assert shared_ids(lm, sequences(9)) == ()


@pytest.mark.parametrize("family", ALL)
def test_the_shortest_window_is_the_configured_one(family: str) -> None:
    usual = {"gemma2": 4096, "gemma3": 4096, "gemma3, with vision": 4096, "gpt_oss": 128}
    expected = WINDOW if family.endswith("window") else usual.get(family)
    assert language_model(family).window == expected
    assert language_model(family).n_layers == LAYERS
