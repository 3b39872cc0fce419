"""How many answers are generated together: as many as memory has room for, where they may get long."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.lm.model import LanguageModel
from truthmap.lm.sizes import Sizes, device_memory, measure_sizes
from truthmap.records import Site

_ROWS = 64
"""Rows that a batch is filled up to where answers may get long: a choice, not measured against other numbers yet."""
_SHARE = {"cpu": 1 / 8}
"""Share of a device's memory that caches and kept states may take; the CPU's is everybody's."""
_USUAL_SHARE = 1 / 2


def answer_budget(
    lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings, sites: tuple[Site, ...]
) -> int:
    """Return how many tokens a batch may have, padding and the answers' room included.

    `batch_tokens` are as many as a forward pass should read. Room for an answer is not read, it is memory: keys and
    values, and the states that are kept on the way. So where `batch_tokens` with the answers' room would be few rows, a
    batch gets more of them, as long as its prompts are within `batch_tokens` and its rows fit into a share of the
    device's memory. The share is of all its memory, not of what is free, so that a run that is taken up again cuts its
    batches in the same way.

    Args:
        lm: The model.
        prompts: What is to be answered; not empty.
        settings: How.
        sites: Where states are kept on the way.
    """
    longest_prompt = max(1, *(len(p.prompt_ids) for p in prompts))
    wanted = _wanted(longest_prompt, len(prompts), settings)
    if wanted <= settings.batch_tokens:
        return settings.batch_tokens
    sizes = measure_sizes(lm, sites)
    memory = device_memory(lm.device) if settings.memory is None else settings.memory
    return _within(wanted, settings, memory_room(sizes, memory, lm.device.type), _token_bytes(sizes, lm.n_layers))


def planned_budget(
    longest_prompt: int, count: int, settings: GenerateSettings, sizes: Sizes, n_layers: int, room: float
) -> int:
    """Return what `answer_budget` does for so many prompts of a length on a device with so many bytes of room."""
    wanted = _wanted(longest_prompt, count, settings)
    return _within(wanted, settings, room, _token_bytes(sizes, n_layers))


def memory_room(sizes: Sizes, memory: int, kind: str) -> float:
    """Return the bytes that caches and kept states may take of the memory of a device of a kind (`cpu`, `cuda`)."""
    return (memory - sizes.weights) * _SHARE.get(kind, _USUAL_SHARE)


def _wanted(longest_prompt: int, count: int, settings: GenerateSettings) -> int:
    rows = min(_ROWS, count, settings.batch_tokens // longest_prompt)
    return rows * (longest_prompt + settings.max_new_tokens)


def _within(wanted: int, settings: GenerateSettings, room: float, token: int) -> int:
    return max(settings.batch_tokens, min(wanted, int(room / max(1, token))))


def _token_bytes(sizes: Sizes, n_layers: int) -> int:
    return sizes.cache_token + n_layers * sum(sizes.state.values())


def states_fit_on_the_way(
    lm: LanguageModel, prompts: Sequence[Prompt], settings: GenerateSettings, sites: tuple[Site, ...]
) -> bool:
    """Return whether keeping the states of every answer token while answering leaves batches at least half as large.

    Where it does not, reading the answers once more costs less than answering in many small batches.
    """
    if not sites or not prompts:
        return True
    with_states, without = (answer_budget(lm, prompts, settings, kept) for kept in (sites, ()))
    return 2 * with_states >= without
