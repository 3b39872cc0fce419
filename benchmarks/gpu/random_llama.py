"""A Llama with random weights, made on the device: nothing is fetched, and only its speed and its sums are real."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from benchmarks.gpu.size import LlamaShape, Prompts
from truthmap.answers.prompt import Prompt
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question

_UNKNOWN, _END = "<unk>", "<end>"
_CONTEXT = 2048


def random_llama(shape: LlamaShape, device: torch.device, dtype: torch.dtype, *, ends: bool) -> LanguageModel:
    """Make a model and its tokenizer, which has a word for each id.

    Args:
        shape: Its shape.
        device: Where its weights are drawn.
        dtype: What it computes in.
        ends: Whether one of its tokens closes an answer; without, every answer is as long as is asked for.
    """
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=_CONTEXT,
        initializer_range=shape.spread,
        bos_token_id=None,
        eos_token_id=1 if ends else None,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    words = {_UNKNOWN: 0, _END: 1, **{f"w{n}": n for n in range(2, shape.vocabulary)}}
    backend = Tokenizer(WordLevel(words, unk_token=_UNKNOWN))
    backend.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token=_UNKNOWN, pad_token=_UNKNOWN, **({"eos_token": _END} if ends else {})
    )
    settings = LoadSettings(device=str(device), dtype=str(dtype).removeprefix("torch."))
    return LanguageModel("a random Llama", model.eval().requires_grad_(False), tokenizer, settings)


def random_prompts(shape: LlamaShape, asked: Prompts) -> list[Prompt]:
    """Draw prompts, of lengths spread evenly from the shortest to the longest."""
    draws = torch.Generator().manual_seed(1)
    ids = torch.randint(2, shape.vocabulary, (asked.count, asked.longest), generator=draws)
    ids[:, : asked.shared] = ids[0, : asked.shared]
    longer = asked.longest - asked.shortest
    lengths = [asked.shortest + longer * n // max(1, asked.count - 1) for n in range(asked.count)]
    return [
        Prompt(f"q{n}", tuple(row[:length])) for n, (row, length) in enumerate(zip(ids.tolist(), lengths, strict=True))
    ]


def random_questions(shape: LlamaShape, asked: Prompts) -> QuestionSet:
    """Write the same prompts as questions in words."""
    prompts = random_prompts(shape, asked)
    questions = [Question(p.question_id, " ".join(f"w{i}" for i in p.prompt_ids)) for p in prompts]
    return question_set("random words", questions, Task(GradingRule.ALIAS, max_new_tokens=asked.new_tokens))
