"""Models that cannot be studied are refused by one short pass, in a line that names the kind of model and says why."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from model_families import VOCABULARY, WIDTH, language_model, traced_alone
from truthmap.errors import ModelError
from truthmap.lm.sites import find_blocks
from truthmap.records import Site

_SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.mark.parametrize("kind", ["BertConfig", "RobertaConfig", "ElectraConfig"])
def test_an_encoder_is_refused_and_its_decoder_is_not(kind: str) -> None:
    config = getattr(transformers, kind)
    encoder = transformers.AutoModelForCausalLM.from_config(config(**_SMALL)).eval()
    with pytest.raises(ModelError, match=f"{encoder.config.model_type} is an encoder: .*; take a decoder"):
        find_blocks(encoder)
    decoder = transformers.AutoModelForCausalLM.from_config(config(**_SMALL, is_decoder=True)).eval()
    assert len(find_blocks(decoder).modules) == 2


def test_a_model_that_reads_no_text_alone_is_refused() -> None:
    language_model.cache_clear()
    model = language_model("llama").model
    language_model.cache_clear()

    def needs_an_image(input_ids: torch.Tensor, pixel_values: torch.Tensor, **rest: Any) -> None: ...

    model.base_model.forward = needs_an_image
    with pytest.raises(ModelError, match=r"llama cannot read text alone \(TypeError: .*'pixel_values'\); take a model"):
        find_blocks(model, "model.layers")


def test_a_block_that_is_never_called_is_named() -> None:
    language_model.cache_clear()
    model = language_model("llama").model
    language_model.cache_clear()
    whole = list(model.model.layers)

    class Skips(torch.nn.ModuleList):
        def __getitem__(self, places: Any) -> Any:
            return whole[::2] if isinstance(places, slice) else whole[places]

    model.model.layers = Skips(whole)
    with pytest.raises(ModelError, match="block 1 is not called"):
        find_blocks(model, "model.layers")


def test_parallel_streams_stand_side_by_side_in_a_state() -> None:
    lm = language_model("gemma3n, window")
    states = traced_alone(lm, (5, 6, 7, 8))
    streams = lm.model.config.get_text_config().altup_num_inputs
    assert streams > 1
    assert states.shape == (lm.n_layers, 4, streams * WIDTH)
    assert lm.blocks.at(Site.RESIDUAL)[0].streams == 0
    own = lm.model(torch.tensor([(5, 6, 7, 8)]), output_hidden_states=True).hidden_states
    torch.testing.assert_close(states[0], own[1][:, 0].movedim(0, 1).flatten(1), rtol=0, atol=0)
