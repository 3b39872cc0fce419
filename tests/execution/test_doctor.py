"""The doctor finds nothing wrong with sound models of any family, and finds what was broken on purpose."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from model_families import FAMILIES, language_model
from truthmap.answers.prompt import GenerateSettings
from truthmap.errors import ModelError
from truthmap.execution.doctor import Checkup, examine
from truthmap.execution.state_laws import CheckStatus
from truthmap.lm.accepted import cache_argument
from truthmap.lm.cache import TOLERANCES, CacheUse
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.lm.rounding import relative_difference, tolerance_of
from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question

SETTINGS = GenerateSettings(max_new_tokens=12)


def asked(*texts: str) -> QuestionSet:
    questions = [Question(f"q{n}", text, ("Peru",)) for n, text in enumerate(texts)]
    return question_set("asked", questions, Task(GradingRule.ALIAS, chat_prompt="{text}", plain_prompt="{text}"))


def words(*counts: int) -> QuestionSet:
    """Questions in the words of the families' tokenizer, of these lengths."""
    return asked(*(" ".join(f"w{3 + (7 * n + count) % 60}" for n in range(count)) for count in counts))


def examined(lm: LanguageModel, questions: QuestionSet | None = None) -> Checkup:
    return examine(lm, questions or words(4, 9, 20, 13, 7), SETTINGS, budget=0)


def verdicts(checkup: Checkup) -> dict[str, CheckStatus]:
    return {check.name: check.verdict for check in checkup.checks}


def spoken_by(lm: LanguageModel) -> LanguageModel:
    """The same model with a tokenizer that cuts at spaces."""
    from tokenizers.pre_tokenizers import WhitespaceSplit

    lm.tokenizer.backend_tokenizer.pre_tokenizer = WhitespaceSplit()
    return lm


@pytest.mark.parametrize("family", FAMILIES)
def test_sound_models_of_every_family_obey_every_law(family: str) -> None:
    checkup = examined(spoken_by(language_model(family)))
    assert checkup.broken == ()
    laws = [check for check in checkup.checks if check.difference is not None]
    assert [law.name for law in laws] == [
        "residual = hidden_states",
        "later tokens change nothing",
        "batched = single, padded left",
        "batched = single, padded right",
        "generated = forward",
        "rows that leave = single",
        "second pass = forward",
    ]
    assert laws[0].difference == 0.0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_rounding_in_narrow_dtypes_breaks_no_law(tiny_model: Path, dtype: str) -> None:
    lm = load_model(str(tiny_model), LoadSettings(dtype=dtype, device="cpu"))
    checkup = examined(lm, asked("Which city?", "In which country is the city of Peru and Japan?", "Is it?"))
    assert checkup.broken == ()
    assert max(check.difference or 0.0 for check in checkup.checks) > 1e-4, "there is rounding to be seen"


def fresh(family: str) -> LanguageModel:
    """A copy that may be broken."""
    language_model.cache_clear()
    lm = spoken_by(language_model(family))
    language_model.cache_clear()
    return lm


def test_positions_that_ignore_the_padding_cost_the_cache() -> None:
    lm = fresh("gpt2")
    forward = lm.model.base_model.forward

    def careless(input_ids: torch.Tensor, position_ids: torch.Tensor | None = None, **rest: Any) -> Any:
        start = rest["attention_mask"].shape[1] - input_ids.shape[1]
        places = torch.arange(start, start + input_ids.shape[1])[None].expand_as(input_ids)
        return forward(input_ids=input_ids, position_ids=places, **rest)

    lm.model.base_model.forward = careless
    checkup = examined(lm)
    assert lm.cache_use is CacheUse.NONE
    assert verdicts(checkup)["decoding"] is CheckStatus.NOTED
    assert checkup.broken == ()


def test_padding_that_is_seen_costs_the_cache() -> None:
    lm = fresh("llama")
    forward = lm.model.base_model.forward

    def blind(attention_mask: torch.Tensor | None = None, **rest: Any) -> Any:
        return forward(attention_mask=torch.ones_like(attention_mask), **rest)

    lm.model.base_model.forward = blind
    checkup = examined(lm)
    assert lm.cache_use is CacheUse.NONE
    assert checkup.broken == ()


def test_states_that_are_not_finite_are_found() -> None:
    lm = fresh("llama")
    lm.model.model.layers[1].mlp.down_proj.weight[0, 0] = float("nan")
    found = {check.name: check for check in examined(lm).checks}
    assert found["states"].verdict is CheckStatus.BROKEN
    assert "NaN or infinite in torch.float32; try another --dtype" in found["states"].found


def test_a_layer_that_copies_another_is_found() -> None:
    lm = fresh("llama")
    for part in (lm.model.model.layers[1].mlp.down_proj, lm.model.model.layers[1].self_attn.o_proj):
        part.weight.zero_()
    found = {check.name: check for check in examined(lm).checks}["each layer has states of its own"]
    assert (found.verdict, found.found) == (CheckStatus.BROKEN, "layer 1 has those of layer 0")


def test_rows_that_leave_wrongly_are_found() -> None:
    from transformers.cache_utils import DynamicLayer

    lm = fresh("llama")
    assert lm.cache_use is CacheUse.SHARED
    forward, cut = lm.model.forward, DynamicLayer.batch_select_indices

    def forgetful(layer: DynamicLayer, places: torch.Tensor) -> None:
        cut(layer, torch.zeros_like(places))

    def generate(**inputs: Any) -> Any:
        output = forward(**inputs)
        for layer in output[cache_argument(lm.model)].layers:
            layer.batch_select_indices = partial(forgetful, layer)
        return output

    lm.model.forward = generate
    assert verdicts(examined(lm))["rows that leave = single"] is CheckStatus.BROKEN


def test_a_double_bos_is_found(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    lm.tokenizer.bos_token = "<user>"
    lm.tokenizer.chat_template = "<user><user>{{ messages[0]['content'] }}"
    found = {check.name: check for check in examined(lm, asked("Which?", "Which city is it?")).checks}
    assert (found["BOS"].verdict, found["BOS"].found) == (CheckStatus.BROKEN, "the prompt begins with 2")


def test_what_is_no_law_is_noted() -> None:
    lm = fresh("llama")
    lm.model.generation_config.eos_token_id = None
    lm.tokenizer.eos_token = None
    checkup = examined(lm)
    assert verdicts(checkup)["closing tokens"] is CheckStatus.NOTED
    assert checkup.broken == ()


def test_questions_that_do_not_fit_are_told() -> None:
    lm = spoken_by(language_model("gpt2"))
    with pytest.raises(ModelError, match=r"no prompt fits into the 64 tokens that gpt2 can read; try other questions"):
        examined(lm, words(60, 70))
    checkup = examined(lm, words(5, 60, 20))
    assert checkup.broken == ()
    assert (checkup.forecast.answers, checkup.forecast.too_long) == (2, 1)


def test_which_engines_there_are_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for version in (None, "1.2"):
        monkeypatch.setattr("truthmap.execution.doctor.vllm_version", lambda version=version: version)
        found.append(examined(spoken_by(language_model("llama"))).checks[0].found)
    assert found == [
        "transformers, openai; vllm is not installed (pip install 'truthmap[vllm]')",
        "transformers, openai; vllm 1.2",
    ]


def test_what_rounding_explains_follows_the_model_within_bounds() -> None:
    ids = tuple(range(3, 12))
    assert tolerance_of(language_model("llama"), ids) == TOLERANCES[torch.float32]
    rough = fresh("llama")
    rough.model.model.layers[0].register_forward_pre_hook(lambda _module, inputs: (1 + (inputs[0] - 1) * 1e4 % 1,))
    assert tolerance_of(rough, ids) == 4 * TOLERANCES[torch.float32]


def test_the_difference_is_that_of_the_worst_token() -> None:
    wanted = torch.tensor([[3.0, 4.0], [10.0, 0.0]])
    assert relative_difference(wanted + torch.tensor([[0.0, 0.0], [0.0, 1.0]]), wanted) == pytest.approx(0.1)
    assert relative_difference(wanted * float("nan"), wanted) == float("inf")
    assert relative_difference(wanted[:0], wanted[:0]) == 0.0
