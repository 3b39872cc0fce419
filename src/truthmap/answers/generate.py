"""Answering many prompts: batches by token budget, a shared prefix, finished rows leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from truthmap.answers.decoding import Decoded, decode_batch
from truthmap.answers.to_answer import answer_of, fits, unanswered
from truthmap.lm.batches import cut_into_batches
from truthmap.lm.model import LanguageModel
from truthmap.lm.oom import HalvedBatches
from truthmap.lm.prefix import NO_PREFIX, Prefix, shared_prefix, shortest_window
from truthmap.records import Answer, Site
from truthmap.store.tokens import TokenStates


@dataclass(frozen=True)
class Prompt:
    """A prompt to answer.

    Attributes:
        question_id: The question's id.
        prompt_ids: The whole prompt, as ids.
        sample: Numbers the answers to one question; 0 is the greedy one.
        text: What the ids were made from: a chat model's user message, or a base model's whole prompt. For engines that
            take texts only.
    """

    question_id: str
    prompt_ids: tuple[int, ...]
    sample: int = 0
    text: str = ""


@dataclass(frozen=True)
class GenerateSettings:
    """How to answer.

    Attributes:
        max_new_tokens: Longest answer, in tokens.
        batch_tokens: Tokens in one batch, padding and the answer's room included.
        temperature: 0 takes the likeliest token (greedy); above, tokens are drawn.
        top_p: Draw only from the likeliest tokens that together have this probability.
        seed: Where the draws start; each is a function of (seed, question id, sample, step) alone, so that neither
            batch size nor sharding changes a sample.
        share_prefix: Compute the part that all prompts share once.
    """

    max_new_tokens: int = 24
    batch_tokens: int = 8192
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    share_prefix: bool = True


@dataclass(frozen=True)
class GeneratedBatch:
    """Answers of one batch, and the states of their tokens if sites were asked for."""

    answers: tuple[Answer, ...]
    states: TokenStates | None


def generate_answers(
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    settings: GenerateSettings,
    sites: tuple[Site, ...] = (),
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[GeneratedBatch]:
    """Answer prompts, batch after batch, the short ones first.

    Args:
        lm: The model.
        prompts: What to answer; ids (question, sample) are unique.
        settings: How to answer.
        sites: Keep the states of the last prompt token and of every answer token at these sites.
        on_progress: Called with how many answers are finished so far.

    Yields:
        Batches; a prompt that leaves no room for an answer comes back with `fault` set and without ids.
    """
    fitting = [p for p in prompts if fits(lm, p, settings)]
    done = len(prompts) - len(fitting)
    if done:
        yield GeneratedBatch(tuple(unanswered(p) for p in prompts if not fits(lm, p, settings)), None)
    if not fitting:
        return
    prefix = _prefix_for(lm, fitting, settings)
    batches = HalvedBatches(lm.device, "answer being generated")
    ordered = sorted(fitting, key=lambda p: len(p.prompt_ids))
    lengths = [len(p.prompt_ids) + settings.max_new_tokens for p in ordered]
    for places in cut_into_batches(lengths, settings.batch_tokens):
        batch = ordered[places.start : places.stop]
        for part, decoded in batches.work(batch, partial(_decoded, lm, prefix, settings, sites)):
            done += len(part)
            yield GeneratedBatch(
                tuple(
                    answer_of(lm, p, row.ids, row.log_probs, finished=row.finished)
                    for p, row in zip(part, decoded.rows, strict=True)
                ),
                decoded.states,
            )
            if on_progress is not None:
                on_progress(done)


def _prefix_for(lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings) -> Prefix:
    if not settings.share_prefix or len(prompts) == 1:
        return NO_PREFIX
    # Between a shared prefix and shorter prompts there is padding, which a sliding window would count as tokens.
    window = shortest_window(lm)
    longest = max(len(p.prompt_ids) for p in prompts) + settings.max_new_tokens
    if window is not None and longest >= window:
        return NO_PREFIX
    return shared_prefix(lm, [p.prompt_ids for p in prompts])


def _decoded(
    lm: LanguageModel,
    prefix: Prefix,
    settings: GenerateSettings,
    sites: tuple[Site, ...],
    prompts: Sequence[Prompt],
) -> Decoded:
    return decode_batch(lm, prompts, prefix, settings, sites)
