"""Answering many prompts: batches by token budget, a shared prefix, finished rows leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from truthmap.answers.batch_budget import answer_budget
from truthmap.answers.decoding import Decoded, Decoder
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.answers.to_answer import answer_of, fits, unanswered
from truthmap.lm.batches import even_budget
from truthmap.lm.model import LanguageModel
from truthmap.lm.oom import fewer_on_oom
from truthmap.lm.prefix import NO_PREFIX, Prefix, PrefixCache
from truthmap.records import Site


def generate_answers(
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    settings: GenerateSettings,
    sites: tuple[Site, ...] = (),
    on_progress: Callable[[int], None] | None = None,
    prefixes: PrefixCache | None = None,
) -> Iterator[GeneratedBatch]:
    """Answer prompts, batch after batch, the short ones first.

    Args:
        lm: The model.
        prompts: What to answer; ids (question, sample) are unique.
        settings: How to answer.
        sites: Keep the states of the last prompt token and of every answer token at these sites.
        on_progress: Called with how many answers are finished so far.
        prefixes: The model's prefix cache, for who calls this again and again; by default one for this call.

    Yields:
        Batches; a prompt that leaves no room for an answer comes back with `fault` set and without ids.
    """
    assert prefixes is None or prefixes.lm is lm, "keys and values of another model"
    fitting = [p for p in prompts if fits(lm, p, settings)]
    done = len(prompts) - len(fitting)
    if done:
        yield GeneratedBatch(tuple(unanswered(p) for p in prompts if not fits(lm, p, settings)), None)
    if not fitting:
        return
    prefix = _prefix_for(prefixes or PrefixCache(lm), fitting, settings)
    ordered = sorted(fitting, key=lambda p: len(p.prompt_ids))
    lengths = [len(p.prompt_ids) + settings.max_new_tokens for p in ordered]
    budget = even_budget(lengths, answer_budget(lm, ordered, settings, sites))
    decode = partial(_decoded, Decoder(lm, prefix, settings, sites), budget)
    for part, decoded in fewer_on_oom(ordered, len(ordered), decode, lm.device, "answer being generated"):
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


def _prefix_for(prefixes: PrefixCache, prompts: Sequence[Prompt], settings: GenerateSettings) -> Prefix:
    if not settings.share_prefix or len(prompts) == 1:
        return NO_PREFIX
    # Between a shared prefix and shorter prompts there is padding, which a sliding window would count as tokens.
    window = prefixes.lm.window
    longest = max(len(p.prompt_ids) for p in prompts) + settings.max_new_tokens
    if window is not None and longest >= window:
        return NO_PREFIX
    return prefixes.shared_by([p.prompt_ids for p in prompts])


def _decoded(
    decoder: Decoder, budget: int, prompts: Sequence[Prompt], most: int
) -> Iterator[tuple[tuple[int, ...], Decoded]]:
    longest = (len(p.prompt_ids) + decoder.settings.max_new_tokens for p in prompts)
    for decoded in decoder.decode(prompts, [max(1, min(most, budget // tokens)) for tokens in longest]):
        yield decoded.places, decoded
