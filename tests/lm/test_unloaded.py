"""A model's sizes from its configuration alone are those of the loaded model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model_families import LAYERS, language_model
from truthmap.errors import ModelError
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.sizes import measure_sizes
from truthmap.lm.unloaded import ModelSizes, lay_out, sizes_without_weights
from truthmap.records import Site

SETTINGS = LoadSettings(dtype="float32", device="cpu")


def sizes(folder: Path | str, settings: LoadSettings, *sites: Site) -> ModelSizes:
    model = lay_out(str(folder), settings, torch.device("cpu"))
    return sizes_without_weights(str(folder), settings, model, sites)


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt2", "mixtral", "qwen3_moe", "gpt_oss"])
def test_sizes_without_weights_are_those_of_the_loaded_model(family: str, tmp_path: Path) -> None:
    lm = language_model(family)
    lm.model.config.save_pretrained(tmp_path)  # and nothing else: no weights, no tokenizer
    read = (Site.RESIDUAL, Site.MLP, Site.ATTENTION)
    found = sizes(tmp_path, SETTINGS, *read)
    assert found.sizes == measure_sizes(lm, read)
    assert (found.layers, found.heads) == (LAYERS, 4)
    assert found.parameters == sum(p.numel() for p in lm.model.parameters())


def test_a_token_goes_through_the_experts_it_takes(tmp_path: Path) -> None:
    lm = language_model("mixtral")
    lm.model.config.save_pretrained(tmp_path)
    found, config = sizes(tmp_path, SETTINGS, Site.RESIDUAL), lm.model.config
    experts = sum(p.numel() for n, p in lm.model.named_parameters() if ".experts." in n)
    not_taken = experts * (1 - config.num_experts_per_tok / config.num_local_experts)
    looked_up = lm.model.get_input_embeddings().weight.numel()
    assert found.active == found.parameters - not_taken - looked_up
    assert experts > 0


def test_weights_in_fewer_bits_take_fewer_bytes(tmp_path: Path) -> None:
    lm = language_model("llama")
    lm.model.config.save_pretrained(tmp_path)
    whole, eight, four = (
        sizes(tmp_path, LoadSettings(dtype="bfloat16", device="cpu", quantization=bits), Site.RESIDUAL).sizes.weights  # type: ignore[arg-type]
        for bits in (None, "8bit", "4bit")
    )
    matrices = sum(p.numel() for n, p in lm.model.named_parameters() if p.ndim > 1 and "layers" in n)
    assert (whole - eight, whole - four) == (matrices, matrices * 3 // 2)


def test_a_site_that_is_not_there_is_refused(tmp_path: Path) -> None:
    language_model("mixtral").model.config.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="mixture of experts"):
        sizes(tmp_path, SETTINGS, Site.MLP_POST)
