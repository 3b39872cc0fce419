"""What a model calls its cache decides nothing: since transformers 5.24 it is `cache`."""

from __future__ import annotations

from functools import cache as kept
from typing import Any

import numpy as np
import torch
from transformers import LlamaForCausalLM, LlamaModel
from transformers.utils import ModelOutput

from model_families import language_model, sequences
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.lm.accepted import accepted_arguments, recurrent_layers
from truthmap.lm.cache import CacheUse
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.lm.sizes import measure_sizes
from truthmap.positions import PAPER, LocatedPositions
from truthmap.records import Answer, Site

OWN = next(name for name in ("past_key_values", "cache") if name in accepted_arguments(LlamaModel.forward))


class Decoder(LlamaModel):
    """A Llama that calls its cache `cache`, and knows no other name."""

    def forward(
        self, input_ids: Any, attention_mask: Any, position_ids: Any = None, cache: Any = None, use_cache: bool = False
    ) -> ModelOutput:
        given = {OWN: cache, "use_cache": use_cache}
        output = super().forward(input_ids, attention_mask, position_ids, **given)
        return ModelOutput(last_hidden_state=output.last_hidden_state, cache=output.get(OWN))


class Renamed(LlamaForCausalLM):
    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = Decoder(config)

    def forward(self, input_ids: Any, attention_mask: Any, logits_to_keep: int = 0, **rest: Any) -> ModelOutput:
        output = self.model(input_ids, attention_mask, **rest)
        return ModelOutput(logits=self.lm_head(output[0][:, -logits_to_keep:]), cache=output.get("cache"))


@kept
def renamed() -> LanguageModel:
    usual = language_model("llama")
    model = Renamed(usual.model.config).eval().requires_grad_(False)
    model.load_state_dict(usual.model.state_dict())
    return LanguageModel("renamed", model, usual.tokenizer, LoadSettings())


def answered(lm: LanguageModel) -> list[Answer]:
    prompts = [Prompt(f"q{n}", ids) for n, ids in enumerate(sequences(12))]
    return [a for batch in generate_answers(lm, prompts, GenerateSettings(max_new_tokens=6)) for a in batch.answers]


def captured(lm: LanguageModel, answers: list[Answer]) -> torch.Tensor:
    last = {a.key: np.full(len(PAPER), len(a.prompt_ids) + len(a.answer_ids) - 1, dtype=np.int32) for a in answers}
    shard = capture_states(lm, answers, LocatedPositions(PAPER, last), (Site.RESIDUAL,), CaptureSettings())
    return torch.as_tensor(shard.states[Site.RESIDUAL])


def test_a_cache_of_another_name_is_used() -> None:
    assert renamed().cache_use is CacheUse.SHARED
    assert answered(renamed()) == answered(language_model("llama"))


def test_states_and_sizes_are_the_same_by_another_name() -> None:
    usual, answers = language_model("llama"), answered(language_model("llama"))
    assert torch.equal(captured(renamed(), answers), captured(usual, answers))
    assert measure_sizes(renamed(), (Site.RESIDUAL,)) == measure_sizes(usual, (Site.RESIDUAL,))


def test_blocks_are_recurrent_by_what_their_cache_holds() -> None:
    import transformers

    mamba = transformers.Mamba2Config(
        vocab_size=64, hidden_size=16, state_size=4, num_hidden_layers=2, num_heads=4, head_dim=8, n_groups=1
    )
    assert recurrent_layers(transformers.Mamba2ForCausalLM(mamba)) == (0, 1)
    assert recurrent_layers(language_model("llama").model) == ()
