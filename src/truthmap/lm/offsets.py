"""Which characters of a decoded text each token id wrote, found from those very ids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

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

    What each id adds is seen by decoding up to it, never by tokenising the text again: tokenising a text rarely gives
    back the ids that made it. A character whose bytes come from several ids belongs to each of them; a special token
    wrote nothing. Time grows with the number of ids, each being decoded behind a few before it; only where
    those do not decode to the end of what they wrote is all decoded again for a block.
    """
    text = decode(tokenizer, ids)
    special = set(tokenizer.all_special_ids)
    offsets: list[tuple[int, int]] = []
    whole = [_Whole(0, 0)]
    done = 0  # characters of `text` that the ids so far have written in full
    while len(offsets) < len(ids):
        first = len(offsets)
        block = range(first, min(first + _BLOCK, len(ids)))
        for n, (before, prefix) in zip(block, _decoded(tokenizer, ids, block, whole, text), strict=True):
            if ids[n] in special:
                offsets.append((done, done))
                continue
            agreed = max(done, before + shared_length(prefix, text[before : before + len(prefix)]))
            # What ends inside a character decodes to a replacement sign that the whole text does not have there.
            dangling = before + len(prefix) > agreed and agreed < len(text)
            offsets.append((done, agreed + dangling))
            done = agreed
            if before + len(prefix) == agreed:
                whole.append(_Whole(n + 1, agreed))
    return tuple(offsets)


_BLOCK = 16
"""Ids that are decoded from the same place on."""
_TRIES = 6
"""Places from which decoding is tried to begin, the nearest first."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BEFORE = 8
"""Ids before a block that are decoded with it: the last character may need them."""


class _Whole(NamedTuple):
    """A place where the ids so far have decoded to the text so far."""

    ids: int
    characters: int


def _decoded(
    tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], block: range, whole: Sequence[_Whole], text: str
) -> list[tuple[int, str]]:
    """Return for each id of a block how many characters of the text are sure, and what is decoded behind them.

    What is sure is what the ids up to a place have written; decoding begins a few ids before that place, by itself or
    behind the answer's first ids, so that what a tokenizer does at the start of a text is done there. Where the ids
    before the place do not decode to what they wrote, another beginning is tried, and in the end the start.
    """
    sure = whole[-1]
    begins = [place for place in whole[1:] if place.ids <= sure.ids - _BEFORE][: -_TRIES - 1 : -1]
    for begin, first in ((place, first) for place in begins for first in ((), ids[: whole[1].ids])):
        start, head = _decode_each(tokenizer, [first, [*first, *ids[begin.ids : sure.ids]]])
        wrote = head[len(start) :] if first else head.lstrip()
        if not head.startswith(start) or not text[: sure.characters].endswith(wrote):
            continue
        prefixes = _decode_each(tokenizer, [[*first, *ids[begin.ids : n + 1]] for n in block])
        # A run of bytes that ends inside a character decodes to replacement signs from its start on.
        if all(prefix.startswith(head) or prefix.endswith(_REPLACEMENT) for prefix in prefixes):
            behind = (p[len(head) :] if p.startswith(head) else _REPLACEMENT * len(p) for p in prefixes)
            return [(sure.characters, prefix) for prefix in behind]
    return [(0, prefix) for prefix in _decode_each(tokenizer, [ids[: n + 1] for n in block])]


def _decode_each(tokenizer: PreTrainedTokenizerBase, several: Sequence[Sequence[int]]) -> list[str]:
    decoded: list[str] = tokenizer.batch_decode(
        [list(ids) for ids in several], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return decoded
