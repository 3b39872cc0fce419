"""Tokenizers of models that think, with the control tokens and the prompts of five published formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from truthmap.lm.offsets import decode, token_offsets
from truthmap.lm.thought_tags import ThoughtTags
from truthmap.records import Answer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from truthmap.lm.model import LanguageModel


@dataclass(frozen=True)
class Format:
    """How a family writes.

    Attributes:
        special: Control tokens that leave nothing in a decoded text; the first one closes a turn.
        added: Tokens of their own that stand in the text.
        template: A chat template in the family's own form, without tools and images.
        opening, closing: What is written around a thought.
        prefilled: What a prompt ends with that opens the thought itself.
    """

    special: tuple[str, ...]
    added: tuple[str, ...]
    template: str
    opening: str
    closing: str
    prefilled: str


_THINK = ("<think>", "</think>")
_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'].split('</think>')[-1] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
_R1 = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<｜User｜>{{ m['content'] }}{% else %}<｜Assistant｜>"
    "{{ m['content'].split('</think>')[-1] }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}"
)
_GPT_OSS = (
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort if reasoning_effort is defined else 'medium' }}<|end|>"
    "{% for m in messages %}<|start|>{{ m['role'] }}{% if m['role'] == 'assistant' %}<|channel|>final{% endif %}"
    "<|message|>{{ m['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
_MISTRAL = (
    "<s>{% for m in messages %}{% if m['role'] == 'assistant' %}{{ m['content'] }}</s>"
    "{% elif m['role'] == 'system' %}[SYSTEM_PROMPT]{{ m['content'] }}[/SYSTEM_PROMPT]"
    "{% else %}[INST]{{ m['content'] }}[/INST]{% endif %}{% endfor %}"
)
_COHERE = (
    "<BOS_TOKEN>{% for m in messages %}<|START_OF_TURN_TOKEN|>"
    "{% if m['role'] == 'user' %}<|USER_TOKEN|>{{ m['content'] }}"
    "{% else %}<|CHATBOT_TOKEN|><|START_RESPONSE|>{{ m['content'] }}<|END_RESPONSE|>{% endif %}"
    "<|END_OF_TURN_TOKEN|>{% endfor %}"
    "{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"
    "{% if reasoning is defined and not reasoning %}<|START_THINKING|><|END_THINKING|>{% endif %}{% endif %}"
)
FORMATS: dict[str, Format] = {
    "qwen3": Format(("<|im_end|>", "<|im_start|>"), _THINK, _CHATML, *_THINK, "<think>\n"),
    "deepseek_r1": Format(("<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"), _THINK, _R1, *_THINK, ""),
    "gpt_oss": Format(
        ("<|return|>", "<|end|>", "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|call|>"),
        (),
        _GPT_OSS,
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
        "<|channel|>analysis<|message|>",
    ),
    "mistral": Format(
        ("</s>", "<s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[THINK]", "[/THINK]"),
        (),
        _MISTRAL,
        "[THINK]",
        "[/THINK]",
        "[THINK]",
    ),
    "cohere": Format(
        (
            "<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>",
            "<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>",
        ),
        (),
        _COHERE,
        "<|START_THINKING|>",
        "<|END_THINKING|><|START_RESPONSE|>",
        "<|START_THINKING|>",
    ),
}  # fmt: skip


@cache
def tokenizer_of(name: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of bytes with a format's control tokens and template."""
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.decoders import ByteLevel as ByteLevelDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import PreTrainedTokenizerFast

    form = FORMATS[name]
    backend = Tokenizer(BPE({letter: n for n, letter in enumerate(sorted(ByteLevel.alphabet()))}, []))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = ByteLevelDecoder()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in form.special])
    backend.add_tokens([AddedToken(token, normalized=False) for token in form.added])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=form.special[0], pad_token=form.special[0])
    tokenizer.chat_template = form.template
    return tokenizer


def written(name: str, text: str, prefilled: str = "", *, finished: bool = True) -> Answer:
    """Return the answer of a model of a format that wrote a text, its control tokens among it, to a usual prompt."""
    tokenizer = tokenizer_of(name)
    ids = encoded(name, text) + ([tokenizer.eos_token_id] if finished else [])
    asked = [{"role": "user", "content": "Capital?"}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False) + prefilled
    answer = Answer(
        "q", tuple(encoded(name, prompt)), tuple(ids), decode(tokenizer, ids), (-1.0,) * len(ids),
        token_offsets(tokenizer, ids), finished,
    )  # fmt: skip
    return ThoughtTags(name, tokenizer).part(answer)


def encoded(name: str, text: str) -> list[int]:
    """Return the ids of a text in which control tokens are control tokens."""
    return list(tokenizer_of(name)(text, add_special_tokens=False)["input_ids"])


def text_of(name: str, ids: Sequence[int]) -> str:
    """Return the text of ids."""
    return decode(tokenizer_of(name), ids)


def scripted_model(name: str, script: str, *, prompt_length: int) -> LanguageModel:
    """Return a tiny random model of a format that writes a script, token by token, to prompts of one length.

    It writes its closing token behind the script, and it goes on in the script whatever is put in a token's place.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from truthmap.lm.load_settings import LoadSettings
    from truthmap.lm.model import LanguageModel

    tokenizer = tokenizer_of(name)
    end = tokenizer.eos_token_id
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=24, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=512, eos_token_id=end, pad_token_id=end, bos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    lm = LanguageModel(name, model, tokenizer, LoadSettings(device="cpu"))
    assert lm.cache_use  # tried before anything is scripted
    ids, read = [*encoded(name, script), end], [0]

    def note(module: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        read[0] = kwargs["attention_mask"].shape[1]

    def write(module: object, args: object, logits: torch.Tensor) -> torch.Tensor:
        step = min(max(read[0] - prompt_length, 0), len(ids) - 1)
        logits[..., ids[step]] = 30.0
        return logits

    model.register_forward_pre_hook(note, with_kwargs=True)
    model.lm_head.register_forward_hook(write)
    return lm
