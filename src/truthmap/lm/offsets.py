"""Which characters of a decoded text each token id wrote, found from those very ids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def shared_length(one: Sequence[object], other: Sequence[object]) -> int:
    """Return how many items two sequences share from their start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def decode(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Decode ids as they stand: special tokens left out, no space tidied."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def token_offsets(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return, for each id, the characters `[start, end)` of `decode(ids)` that it wrote.

    The text is decoded prefix by prefix, never tokenised again: tokenising a text rarely gives back the ids that made
    it. A character whose bytes come from several ids belongs to each of them; a special token wrote nothing.
    """
    text = decode(tokenizer, ids)
    special = set(tokenizer.all_special_ids)
    prefixes = [list(ids[: n + 1]) for n in range(len(ids))]
    decoded = (
        tokenizer.batch_decode(prefixes, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if prefixes
        else []
    )
    offsets = []
    done = 0  # characters of `text` that the ids so far have written in full
    for token, prefix in zip(ids, decoded, strict=True):
        if token in special:
            offsets.append((done, done))
            continue
        agreed = max(done, shared_length(prefix, text))
        # A prefix that ends inside a character decodes to a replacement sign the whole text does not have there.
        dangling = len(prefix) > agreed and agreed < len(text)
        offsets.append((done, agreed + dangling))
        done = agreed
    return tuple(offsets)
