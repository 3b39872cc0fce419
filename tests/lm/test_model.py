"""Prompts, stops and identity of a loaded model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from model_families import language_model
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.sampling import SampledToken
from truthmap.errors import ModelError
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.questions.tasks import Example, GradingRule, Task
from truthmap.records import Question

TEXT = "In which country is Paris?"


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model's folder, to be changed."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    return folder


@pytest.fixture
def base(copy: Path) -> Path:
    """The tiny model as a base model: it has no chat template."""
    (copy / "chat_template.jinja").unlink()
    return copy


def with_bos(lm: LanguageModel, template: str | None = None) -> LanguageModel:
    """Let the tokenizer begin each text with a BOS, and close it, as some do; and give it a template."""
    bos = lm.tokenizer.convert_ids_to_tokens(1)
    lm.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A <eos>", special_tokens=[(bos, 1), ("<eos>", lm.tokenizer.eos_token_id)]
    )
    lm.tokenizer.bos_token = bos
    lm.tokenizer.chat_template = template
    return lm


def test_a_model_with_a_template_is_asked_in_it(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    assert lm.asks_in_chat
    assert lm.tokenizer.decode(lm.prompt_ids(TEXT)) == f"<user>You are asked this. {TEXT}<user>"


def test_a_model_without_a_template_is_asked_plainly(base: Path) -> None:
    lm = load_model(str(base))
    assert not lm.asks_in_chat
    assert lm.tokenizer.decode(lm.prompt_ids(TEXT)) == f"Q: {TEXT}\nA:"
    assert lm.tokenizer.decode(lm.prompt_ids(TEXT, "Where is Paris? It is in")) == "Where is Paris? It is in"


def test_the_prompt_format_can_be_chosen(tiny_model: Path, base: Path) -> None:
    plain = load_model(str(tiny_model), LoadSettings(prompt_format="plain"))
    assert plain.tokenizer.decode(plain.prompt_ids(TEXT)) == f"Q: {TEXT}\nA:"
    chat = load_model(str(base), LoadSettings(prompt_format="chat"))
    with pytest.raises(ModelError, match="has no chat template; use prompt_format auto or plain"):
        chat.prompt_ids(TEXT)


def test_a_name_that_sounds_like_chat_decides_nothing(base: Path) -> None:
    named = base.rename(base.with_name("Tiny-Instruct-Chat"))
    assert not load_model(str(named)).asks_in_chat


def test_a_prompt_begins_with_one_bos_and_stays_open(tiny_model: Path) -> None:
    written = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    chat = with_bos(load_model(str(tiny_model)), written)
    assert chat.prompt_ids(TEXT).count(1) == 1
    assert chat.prompt_ids(TEXT)[0] == 1
    plain = with_bos(load_model(str(tiny_model)))
    ids = plain.prompt_ids(TEXT)
    assert ids.count(1) == 1
    assert ids[0] == 1
    assert ids[-1] not in plain.stop_ids
    assert not set(plain.encode(TEXT)) & {1, plain.tokenizer.eos_token_id}


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('no user here') }}", "{% for %}", "{{ messages.nothing.at.all }}"]
)
def test_a_template_that_fails_is_told(tiny_model: Path, template: str) -> None:
    lm = load_model(str(tiny_model))
    lm.tokenizer.chat_template = template
    with pytest.raises(ModelError, match=r"the chat template of .* fails \(.*\); use prompt_format plain"):
        lm.prompt_ids(TEXT)


def test_every_closing_token_of_the_configuration_closes_an_answer(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    lm.model.generation_config.eos_token_id = [7, 9]
    assert lm.stop_ids == {7, 9, lm.tokenizer.eos_token_id}
    single = load_model(str(tiny_model))
    single.model.generation_config.eos_token_id = 5
    assert single.stop_ids == {5, single.tokenizer.eos_token_id}


def answered_with(lm: LanguageModel, said: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, bool]:
    """Let the model say these words, token by token; give what was kept and whether it was closed."""
    script = lm.encode(said)

    def scripted(logits: torch.Tensor, asked: object, steps: list[int], settings: object) -> SampledToken:
        return SampledToken(torch.tensor([script[steps[0]]]), torch.zeros(1))

    monkeypatch.setattr("truthmap.answers.decoding.sample_tokens", scripted)
    settings = GenerateSettings(max_new_tokens=len(script))
    (batch,) = generate_answers(lm, [Prompt("q", lm.prompt_ids(TEXT))], settings)
    return batch.answers[0].text, batch.answers[0].finished


def test_a_line_ends_the_answer_to_a_plain_prompt_once_it_has_begun(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = load_model(str(base))
    assert answered_with(lm, "\n\n Paris.\nQ: Which", monkeypatch) == ("\n\n Paris.\n", True)
    assert answered_with(lm, " Paris is", monkeypatch) == (" Paris is", False)


def test_a_line_ends_no_answer_in_a_chat(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = load_model(str(tiny_model))
    assert answered_with(lm, "Paris.\nIt is", monkeypatch) == ("Paris.\nIt is", False)


def test_another_weight_dtype_tokenizer_or_template_is_another_model(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    same = load_model(str(tiny_model))
    assert same.identity() == lm.identity()
    assert different(lm, load_model(str(tiny_model), LoadSettings(dtype="float16"))) == {"dtype", "weights"}
    plain = load_model(str(tiny_model), LoadSettings(prompt_format="plain"))
    assert different(lm, plain) == {"prompt_format"}
    other = load_model(str(tiny_model))
    other.model.model.layers[1].mlp.down_proj.weight.data[0, 0] += 1
    assert different(lm, other) == {"weights"}
    taught = load_model(str(tiny_model))
    taught.tokenizer.chat_template += " "
    taught.tokenizer.add_tokens(["Timbuktu"])
    assert different(lm, taught) == {"template", "tokenizer"}


def different(one: LanguageModel, other: LanguageModel) -> set[str]:
    return {name for name, value in one.identity().items() if other.identity()[name] != value}


def test_limits_are_the_models_own() -> None:
    assert language_model("gpt2").max_length == 64
    assert language_model("bloom").max_length is None, "no length is set where places are relative"
    assert language_model("gemma3, with vision").width == 32
    assert replace(language_model("llama"), name="x").n_layers == 3


def test_a_question_is_asked_after_its_tasks_opening(tiny_model: Path, base: Path) -> None:
    task = Task(GradingRule.ALIAS, examples=(Example("Paris?", "France"),))
    asked, chat, plain = Question("q", "Peru?"), load_model(str(tiny_model)), load_model(str(base))
    ids = chat.question_ids(asked, task)
    assert chat.tokenizer.decode(list(ids)).split("<user>You are asked this. ")[1:] == [
        "Paris?",
        "France",
        "Peru?<user>",
    ]
    assert plain.decode(plain.question_ids(asked, task)) == "Q: Paris?\nA: France\n\nQ: Peru?\nA:"
    bare = replace(task, examples=())
    assert chat.question_ids(asked, bare) == chat.prompt_ids("Peru?")
