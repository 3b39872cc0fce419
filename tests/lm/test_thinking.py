"""Laws of telling a model to think or not: by the variables of its template, else by an empty thought."""

from __future__ import annotations

import pytest
from tests.thinkers import FORMATS, tokenizer_of

from truthmap.errors import ModelError
from truthmap.lm.prompt_encoding import PromptEncoder
from truthmap.lm.thinking import ThinkingTemplate
from truthmap.lm.thought_tags import ThoughtTags

NAMES = tuple(FORMATS)
ASKED = ({"role": "user", "content": "Capital?"},)


def template_of(name: str) -> ThinkingTemplate:
    tokenizer = tokenizer_of(name)
    return ThinkingTemplate(PromptEncoder(name, tokenizer), ThoughtTags(name, tokenizer))


def prompt(name: str, thinking: str) -> str:
    ids = template_of(name).told(thinking).chat_ids(ASKED)  # type: ignore[arg-type]
    return str(tokenizer_of(name).decode(list(ids)))


@pytest.mark.parametrize("name", NAMES)
def test_told_nothing_the_template_is_as_it_was(name: str) -> None:
    own = tokenizer_of(name).apply_chat_template(list(ASKED), add_generation_prompt=True, tokenize=False)
    assert prompt(name, "auto") == own
    assert template_of(name).told("auto").template_digest == PromptEncoder(name, tokenizer_of(name)).template_digest


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("qwen3", "<think>\n\n</think>\n\n"),
        ("deepseek_r1", "<think>\n\n</think>\n\n"),
        ("gpt_oss", "<|start|>assistant<|channel|>final<|message|>"),
        ("cohere", "<|START_THINKING|><|END_THINKING|>"),
    ],
)
def test_told_not_to_think_it_answers_at_once(name: str, ending: str) -> None:
    asked = prompt(name, "off")
    assert asked.endswith(ending)
    template = template_of(name)
    assert template.tags.prompt_end(template.told("off").chat_ids(ASKED)).closed
    assert template.told("off").template_digest != template.told("auto").template_digest


@pytest.mark.parametrize("name", NAMES)
def test_who_thinks_by_default_is_known(name: str) -> None:
    assert template_of(name).thinks == (name != "mistral")  # its template says nothing of it: a system prompt does


def test_an_effort_goes_to_the_template_that_takes_one() -> None:
    assert "Reasoning: high" in prompt("gpt_oss", "on")
    assert "Reasoning: low" in prompt("gpt_oss", "off")
    assert "Reasoning: medium" in prompt("gpt_oss", "auto")


def test_a_switch_that_is_off_by_default_is_turned_on() -> None:
    tokenizer = type(tokenizer_of("qwen3"))(
        tokenizer_object=tokenizer_of("qwen3").backend_tokenizer, eos_token="<|im_end|>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}"
        "{% if thinking is defined and thinking %}<think>\n{% else %}</think>{% endif %}{% endif %}"
    )
    template = ThinkingTemplate(PromptEncoder("m", tokenizer), ThoughtTags("m", tokenizer))
    assert not template.thinks
    assert tokenizer.decode(list(template.told("on").chat_ids(ASKED))).endswith("<think>\n")


def test_a_model_that_does_not_think_is_not_told_to() -> None:
    tokenizer = type(tokenizer_of("qwen3"))(
        tokenizer_object=tokenizer_of("mistral").backend_tokenizer, eos_token="</s>"
    )
    tokenizer.chat_template = "{% for m in messages %}[INST]{{ m['content'] }}[/INST]{% endfor %}"
    template = ThinkingTemplate(PromptEncoder("m", tokenizer), ThoughtTags("m", tokenizer))
    assert template.told("off").chat_ids(ASKED) == template.told("auto").chat_ids(ASKED)
    with pytest.raises(ModelError, match="--thinking prompted"):
        template.told("on")
