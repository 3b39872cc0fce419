"""A model without its weights knows its tokens and limits; and how a model closes an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_families import FAMILIES, language_model
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.meta_model import meta_model


@pytest.mark.parametrize("family", FAMILIES)
def test_without_its_weights_a_model_of_any_family_knows_the_rest(family: str) -> None:
    lm = language_model(family)
    hollow = meta_model(lm)
    assert {t.device.type for t in hollow.model.parameters()} == {"meta"}
    assert all(t.device.type == "cpu" for t in lm.model.parameters()), "the model itself keeps them"
    assert (hollow.width, hollow.max_length) == (lm.width, lm.max_length)
    assert (hollow.stop_ids, hollow.closing_id, hollow.asks_in_chat) == (lm.stop_ids, lm.closing_id, lm.asks_in_chat)


def test_it_writes_the_same_prompts_and_reads_the_same_answers(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model), LoadSettings(device="cpu"))
    hollow = meta_model(lm)
    ids = lm.prompt_ids("Which city is it?")
    assert hollow.prompt_ids("Which city is it?") == ids
    assert (hollow.decode(ids), hollow.offsets(ids)) == (lm.decode(ids), lm.offsets(ids))


def test_an_answer_is_closed_as_the_template_closes_it(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model), LoadSettings(device="cpu"))
    eos, user = lm.tokenizer.convert_tokens_to_ids(["<eos>", "<user>"])
    assert lm.closing_id == eos, "the template closes nothing: the tokenizer's own"
    lm = load_model(str(tiny_model), LoadSettings(device="cpu"))
    lm.tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}{% if m['role'] == 'assistant' %}<user>{% endif %}{% endfor %}"
    )
    lm.model.generation_config.eos_token_id = [eos, user]
    assert lm.closing_id == user
    plain = load_model(str(tiny_model), LoadSettings(device="cpu", prompt_format="plain"))
    assert plain.closing_id == eos
    bare = load_model(str(tiny_model), LoadSettings(device="cpu", prompt_format="plain"))
    bare.tokenizer.eos_token = None
    bare.model.generation_config.eos_token_id = None
    assert bare.closing_id is None
