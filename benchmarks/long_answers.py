"""Long answers: rows that end make room for waiting ones.

A tiny random Llama answers 64 prompts; how long each answer gets is given, since such a model does not end by itself.
`generate` is told to end a row by a stopping criterion, and reads it on as padding until its batch is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, StoppingCriteria, StoppingCriteriaList

from truthmap.answers.decoding import Decoder
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import NO_PREFIX

PROMPTS, FEW = 64, 16
SHORT, LONG = 1_000, 2_000
VOCABULARY = 199
SIZES = (16, 32, 64)
Texts = dict[int, tuple[int, ...]]


def run() -> str:
    """Time each way on both kinds of lengths; all must say the same."""
    lm, draw = _model(), Random(0)
    prompts = [Prompt(f"q{n}", tuple(draw.randrange(3, VOCABULARY) for _ in range(8 + n // 8))) for n in range(PROMPTS)]
    even = [draw.randint(SHORT, LONG) for _ in prompts]
    uneven = [min(LONG, round(draw.lognormvariate(5.5, 1.0))) for _ in prompts]
    tables = [
        _compared(lm, prompts, lengths, f"{min(lengths):,} to {max(lengths):,} new tokens ({told})")
        for lengths, told in ((even, "each length is as likely"), (uneven, "most are short, as thoughts are"))
    ]
    return "\n\n".join(tables)


def _compared(lm: LanguageModel, prompts: Sequence[Prompt], lengths: Sequence[int], title: str) -> str:
    ways: dict[str, Callable[[], Texts]] = {
        f"transformers `generate`, batches of {size}": partial(_generate, lm, prompts, lengths, size) for size in SIZES
    }
    ways[f"truthmap, all {PROMPTS} at once"] = partial(_decode, lm, prompts, lengths, PROMPTS)
    waits, joins = f"truthmap, {FEW} rows, the next {FEW} when all have ended", f"truthmap, {FEW} rows, others join"
    ways[waits] = partial(_in_groups, lm, prompts, lengths)
    ways[joins] = partial(_decode, lm, prompts, lengths, FEW)
    seconds: dict[str, float] = {}
    said: list[Texts] = []
    for name, way in ways.items():
        seconds[name] = _processor_seconds(way, said)
        print(f"  {name}: {seconds[name]:.1f} s", flush=True)
    best = min(seconds[name] for name in list(ways)[: len(SIZES)])
    rows = "\n".join(f"| {name} | {spent:.1f} | {best / spent:.2f}× |" for name, spent in seconds.items())
    same = sum(len({texts[n] for texts in said}) == 1 for n in range(len(prompts)))
    return (
        f"{title}:\n\n| | processor seconds | against the best `generate` |\n|---|--:|--:|\n{rows}\n\n"
        f"Joining against waiting: **{seconds[waits] / seconds[joins]:.2f}×**. "
        f"{same} of {len(prompts)} answers are the same in all ways, to the token."
    )


def _model() -> LanguageModel:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        initializer_range=0.2,
        eos_token_id=2,
    )
    words = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{f"w{n}": n for n in range(3, VOCABULARY)}}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")), bos_token="<bos>", eos_token="<eos>"
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.lm_head.weight[2] = 0  # never the likeliest, so that it does not end by itself
    return LanguageModel("tiny random Llama", model, tokenizer, LoadSettings(prompt_format="plain"))


def _decode(lm: LanguageModel, prompts: Sequence[Prompt], lengths: Sequence[int], rows: int) -> Texts:
    decoder = Decoder(lm, NO_PREFIX, GenerateSettings(max_new_tokens=max(lengths)), (), joins_from=0)
    decoded = decoder.decode(prompts, [rows] * len(prompts), lengths)
    return {place: tuple(row.ids) for each in decoded for place, row in zip(each.places, each.rows, strict=True)}


def _in_groups(lm: LanguageModel, prompts: Sequence[Prompt], lengths: Sequence[int]) -> Texts:
    texts: Texts = {}
    for start in range(0, len(prompts), FEW):
        part = slice(start, start + FEW)
        texts.update((start + n, ids) for n, ids in _decode(lm, prompts[part], lengths[part], FEW).items())
    return texts


class _EndsAt(StoppingCriteria):  # type: ignore[misc]  # transformers has no types
    """Ends each row at its own length."""

    def __init__(self, ends: Sequence[int]) -> None:
        self._ends = torch.tensor(ends)

    def __call__(self, input_ids: torch.Tensor, _scores: Any, **_kwargs: Any) -> torch.Tensor:
        """Tell which rows are done: bool (rows,)."""
        return self._ends <= input_ids.shape[1]


@torch.inference_mode()
def _generate(lm: LanguageModel, prompts: Sequence[Prompt], lengths: Sequence[int], size: int) -> Texts:
    texts: Texts = {}
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        longest = max(len(p.prompt_ids) for p in batch)
        tokens = torch.zeros((len(batch), longest), dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for n, prompt in enumerate(batch):
            ids = torch.tensor(prompt.prompt_ids)
            tokens[n, longest - len(ids) :], mask[n, longest - len(ids) :] = ids, 1
        ends = _EndsAt([longest + length for length in lengths[start : start + size]])
        out = lm.model.generate(
            input_ids=tokens,
            attention_mask=mask,
            max_new_tokens=max(lengths),
            do_sample=False,
            pad_token_id=0,
            stopping_criteria=StoppingCriteriaList([ends]),
        )
        for n, row in enumerate(out[:, longest:].tolist()):
            texts[start + n] = tuple(row[: lengths[start + n]])
    return texts


def _processor_seconds(way: Callable[[], Texts], said: list[Texts]) -> float:
    start = time.process_time()
    said.append(way())
    return time.process_time() - start
