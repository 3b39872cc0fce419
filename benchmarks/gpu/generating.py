"""Generating with the states kept on the way, and the second pass, with a large model.

Each is compared with what one would write with transformers alone, on the same ids in the same batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from benchmarks.gpu.card import Card, Measured, free_memory, measure
from benchmarks.gpu.random_llama import random_llama, random_prompts
from benchmarks.gpu.section import Section, in_gigabytes, table
from benchmarks.gpu.size import Size
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.capture.gather import gather
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.grading.token_spans import locate_positions
from truthmap.lm.cache import TOLERANCES
from truthmap.lm.model import LanguageModel
from truthmap.lm.rounding import relative_difference
from truthmap.positions import PAPER, LocatedPositions
from truthmap.records import Answer, Site, Span
from truthmap.store.shards import StateShard

_SITES = (Site.RESIDUAL,)
_EXACT = slice(2, 5)  # answer tokens that are taken for the exact answer, so that every position is there

_OFTENER = 3  # a second pass is over in a tenth of the time

Batches = list[GeneratedBatch]


def measure_generating(card: Card, size: Size) -> Section:
    """Make the model, and measure generating and capturing with it."""
    lm = random_llama(size.model, card.device, torch.bfloat16, ends=False)
    prompts = random_prompts(size.model, size.prompts)
    settings = GenerateSettings(
        max_new_tokens=size.prompts.new_tokens,
        batch_tokens=len(prompts) * (size.prompts.longest + size.prompts.new_tokens),
    )
    weights = sum(p.numel() * p.element_size() for p in lm.model.parameters())
    theirs, ids = measure(card.device, partial(_generate, lm, prompts, settings), size.times)
    plain, _ = measure(card.device, partial(_answer, lm, prompts, settings, ()), size.times)
    kept, batches = measure(card.device, partial(_answer, lm, prompts, settings, _SITES), size.times)
    answers = [answer for batch in batches for answer in batch.answers]
    lines = [
        _intro(size, weights),
        "",
        *_generating_table(card, size, weights, (theirs, plain, kept)),
        "",
        _same(answers, ids),
    ]
    located = _located(answers)
    on_the_way = _gathered(batches, answers, located)
    del batches  # the states of every token are a gigabyte
    free_memory(card.device)
    times = _OFTENER * size.times
    traced, hidden_states = measure(card.device, partial(_trace, lm, answers, located), times)
    second, shard = measure(card.device, partial(_capture, lm, answers, located, settings), times)
    laws, faults = _laws(on_the_way, shard.states[Site.RESIDUAL], hidden_states)
    lines += ["", *_capturing_table(card, size, (traced, second)), "", *laws]
    return Section("Generating and capturing", lines, faults)


def _intro(size: Size, weights: int) -> str:
    model, asked = size.model, size.prompts
    return (
        f"{weights / 1e9:.1f} GB of random weights in bfloat16, made on the device ({model.layers} layers, width "
        f"{model.width:,}, MLP {model.mlp:,}, {model.vocabulary:,} tokens). {asked.count} prompts of {asked.shortest} "
        f"to {asked.longest} tokens, the first {asked.shared} the same in all; {asked.new_tokens} new tokens each, "
        f"greedy, in one batch. Medians of {size.times} runs ({_OFTENER * size.times} of capturing), operations "
        "counted in one before."
    )


def _generating_table(card: Card, size: Size, weights: int, ways: tuple[Measured, Measured, Measured]) -> list[str]:
    theirs, plain, kept = ways
    tokens = size.prompts.count * size.prompts.new_tokens
    names = ("transformers `generate`", "truthmap, no states", "truthmap, the states of every answer token kept")
    rows = []
    for name, way in zip(names, (theirs, plain, kept), strict=True):
        read = weights * size.prompts.new_tokens / way.seconds / card.copy
        rows.append(
            (
                name,
                f"{way.seconds:.2f}",
                f"{tokens / way.seconds:,.0f}",
                f"{theirs.seconds / way.seconds:.2f}×",
                f"{way.flops / way.seconds / card.product:.1%}",
                f"{read:.0%}",
                in_gigabytes(way.memory),
            )
        )
    columns = (
        "generating", "seconds", "new tokens a second", "speed against `generate`", "share of the matrix peak",
        "share of the memory's speed", "memory over the weights",
    )  # fmt: skip
    said = (
        f"Keeping the states makes generating take {kept.seconds / plain.seconds:.3f} times as long. "
        "*Share of the memory's speed*: the weights, read once for each new token, in that time."
    )
    return [*table(columns, rows), "", said]


def _capturing_table(card: Card, size: Size, ways: tuple[Measured, Measured]) -> list[str]:
    traced, _ = ways
    names = ("`output_hidden_states`, the same ids, 15 places kept", "truthmap, second pass, 15 positions")
    rows = [
        (
            name,
            f"{way.seconds:.3f}",
            f"{size.prompts.count / way.seconds:,.0f}",
            f"{traced.seconds / way.seconds:.2f}×",
            f"{way.flops / way.seconds / card.product:.1%}",
            in_gigabytes(way.memory),
        )
        for name, way in zip(names, ways, strict=True)
    ]
    columns = (
        "capturing", "seconds", "answers a second", "speed against `output_hidden_states`",
        "share of the matrix peak", "memory over the weights",
    )  # fmt: skip
    return table(columns, rows)


def _same(answers: Sequence[Answer], theirs: Sequence[Sequence[int]]) -> str:
    """Say how many tokens are those of `generate` until the first that is not."""
    of = {answer.question_id: answer.answer_ids for answer in answers}
    agreed = 0
    for number, row in enumerate(theirs):
        ours = of[f"q{number}"]
        agreed += next((n for n, (one, other) in enumerate(zip(ours, row, strict=True)) if one != other), len(row))
    total = sum(map(len, theirs))
    return (
        f"{agreed:,} of {total:,} tokens are those of `generate` before an answer first differs: random weights make "
        "the likeliest tokens nearly equal, and bfloat16 rounds otherwise where the prefix is shared."
    )


def _laws(on_the_way: torch.Tensor, second: torch.Tensor, traced: torch.Tensor) -> tuple[list[str], list[str]]:
    """Compare states (L, P, n, d) of three ways to read the same answers."""
    allowed = TOLERANCES[torch.bfloat16]
    found = {
        "states kept on the way = second pass": relative_difference(on_the_way, second),
        # What the model gives as its last hidden state lies behind the final norm.
        "second pass = `output_hidden_states`, all layers but the last": relative_difference(second[:-1], traced[:-1]),
    }
    rows = [(name, f"{value:.2g}", f"{allowed:g}") for name, value in found.items()]
    faults = [f"{name}: differs by {value:.2g}" for name, value in found.items() if value > allowed]
    return table(("states of the large model", "greatest relative difference", "allowed"), rows), faults


@torch.inference_mode()
def _generate(lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings) -> list[list[int]]:
    tokens, mask = _padded(lm, [p.prompt_ids for p in prompts], left=True)
    out = lm.model.generate(
        input_ids=tokens, attention_mask=mask, max_new_tokens=settings.max_new_tokens, do_sample=False, pad_token_id=0
    )
    rows: list[list[int]] = out[:, tokens.shape[1] :].tolist()
    return rows


def _answer(
    lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings, sites: tuple[Site, ...]
) -> Batches:
    return list(generate_answers(lm, prompts, settings, sites))


def _located(answers: Sequence[Answer]) -> LocatedPositions:
    """Locate all positions; some tokens of an answer stand for its exact answer."""
    spans = {a.question_id: (a.offsets[_EXACT.start], a.offsets[_EXACT.stop - 1]) for a in answers}
    index = {a.key: locate_positions(a, Span(spans[a.question_id][0][0], spans[a.question_id][1][1])) for a in answers}
    return LocatedPositions(PAPER, index)


def _gathered(batches: Batches, answers: Sequence[Answer], located: LocatedPositions) -> torch.Tensor:
    """Return the states at the positions, (L, P, n, d), answers in their order."""
    shards = [gather(batch.states, located) for batch in batches if batch.states is not None]
    ids = [i for shard in shards for i in shard.ids]
    joined = torch.cat([shard.states[Site.RESIDUAL] for shard in shards], dim=2)
    return joined[:, :, [ids.index(answer.key) for answer in answers]]


def _capture(
    lm: LanguageModel, answers: Sequence[Answer], located: LocatedPositions, settings: GenerateSettings
) -> StateShard:
    return capture_states(lm, answers, located, _SITES, CaptureSettings(batch_tokens=settings.batch_tokens))


@torch.inference_mode()
def _trace(lm: LanguageModel, answers: Sequence[Answer], located: LocatedPositions) -> torch.Tensor:
    """Ask the model for all hidden states and keep those at the positions: (L, P, n, d), as one would without hooks.

    It is spared the logits, which nobody wants here.
    """
    tokens, mask = _padded(lm, [a.prompt_ids + a.answer_ids for a in answers], left=False)
    out = lm.model(input_ids=tokens, attention_mask=mask, output_hidden_states=True, use_cache=False, logits_to_keep=1)
    index = torch.from_numpy(np.stack([located.index[a.key] for a in answers])).long().to(lm.device)
    rows = torch.arange(len(answers), device=lm.device)[:, None]
    return torch.stack([states[rows, index].transpose(0, 1) for states in out.hidden_states[1:]]).cpu()


def _padded(lm: LanguageModel, sequences: Sequence[Sequence[int]], *, left: bool) -> torch.Tensor:
    """Return tokens and mask on the model's device, int64 (2, rows, longest)."""
    longest = max(map(len, sequences))
    both = torch.zeros((2, len(sequences), longest), dtype=torch.long)
    for n, ids in enumerate(sequences):
        place = slice(longest - len(ids), longest) if left else slice(0, len(ids))
        both[0, n, place], both[1, n, place] = torch.tensor(ids), 1
    return both.to(lm.device)
