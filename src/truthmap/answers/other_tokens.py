"""The answer of one model in the tokens of another: the same text, and the same places in it, found by characters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from truthmap.answer_parts import in_other_tokens
from truthmap.arrays import Ints32
from truthmap.lm.model import LanguageModel
from truthmap.positions import MISSING
from truthmap.records import Answer


def in_tokens_of(lm: LanguageModel, prompt_ids: tuple[int, ...], answer: Answer) -> Answer | None:
    """Return an answer as another model reads it behind a prompt: its own ids, with offsets in the answer's text.

    A model with the same tokens that is asked in the same words reads the very ids that were generated, which a
    tokenizer rarely gives back. A closing token is the other model's own. Blanks before the answer are those with
    which the other model goes on from its prompt; offsets stay in the characters of the answer's own text. No token
    has a log-probability: nobody asked for one.

    Args:
        lm: The other model; its weights are not needed.
        prompt_ids: The whole prompt, as its ids.
        answer: The answer.

    Returns:
        The answer, or `None` where the other model's tokens do not make its text, or are too many for it.
    """
    if prompt_ids == answer.prompt_ids and lm.decode(answer.answer_ids) == answer.text:
        return answer
    said = answer.text.lstrip()
    before = "" if lm.asks_in_chat or not said or lm.decode(prompt_ids)[-1:].isspace() else " "
    ids = lm.encode(before + said)
    spans = _spans(lm, ids, before + said)
    if spans is None:
        return None
    moved = len(answer.text) - len(said) - len(before)
    offsets = [(max(start + moved, 0), max(end + moved, 0)) for start, end in spans]
    if _closes(answer) and lm.closing_id is not None:
        ids, offsets = (*ids, lm.closing_id), [*offsets, (len(answer.text), len(answer.text))]
    if lm.max_length is not None and len(prompt_ids) + len(ids) > lm.max_length:
        return None
    other = replace(answer, prompt_ids=prompt_ids, answer_ids=ids, offsets=tuple(offsets), log_probs=())
    return in_other_tokens(other)


def same_ranges(own: Answer, other: Answer, ranges: Ints32) -> Ints32:
    """Return which tokens of one sequence (prompt ids, then answer ids) are those of another one of the same answer.

    A single token of the answer is the token of the other sequence that has read as far as it: a longer one reads more,
    so the other model sees no less of the answer than the first one did. Several are the tokens that wrote any of their
    characters. The last token of the prompt is that of the other prompt, the whole prompt the whole other one, a
    closing token the other closing token.

    Args:
        own: The answer in the tokens that `ranges` counts.
        other: The same answer in others: what `in_tokens_of` gave.
        ranges: int32 (P, 2): `[start, end)` in prompt + answer ids, both `MISSING` where there is none.

    Returns:
        int32 (P, 2): likewise in the other's ids; `MISSING` for other tokens of the prompt, and for tokens without
        characters other than a closing one.
    """
    found = [_range(own, other, start, end) for start, end in ranges.tolist()]
    return np.array(found, dtype=np.int32).reshape(-1, 2)


def _range(own: Answer, other: Answer, start: int, end: int) -> tuple[int, int]:
    if end - start <= 1:
        place = _place(own, other, start) if start != MISSING else MISSING
        return (MISSING, MISSING) if place == MISSING else (place, place + 1)
    prompt, there = len(own.prompt_ids), len(other.prompt_ids)
    if (start, end) == (0, prompt) and there:
        return 0, there
    if start < prompt:
        return MISSING, MISSING
    wrote = [own.offsets[token - prompt] for token in range(start, end)]
    low, high = min(first for first, _ in wrote), max(last for _, last in wrote)
    inside = [n for n, (first, last) in enumerate(other.offsets) if max(first, low) < min(last, high)]
    closing = _place(own, other, end - 1)
    if not inside:
        return MISSING, MISSING
    return there + inside[0], max(there + inside[-1], closing) + 1


def _place(own: Answer, other: Answer, token: int) -> int:
    start, there = len(own.prompt_ids), len(other.prompt_ids)
    if token == start - 1 and there:
        return there - 1
    if token < start:
        return MISSING
    low, high = own.offsets[token - start]
    if low == high:
        last = token == start + len(own.answer_ids) - 1
        return there + len(other.answer_ids) - 1 if last and _closes(own) and _closes(other) else MISSING
    reads = [n for n, (first, end) in enumerate(other.offsets) if first < end and end >= high]
    # The bytes of one character may stand in several tokens: it is read in the last of them.
    found = [n for n in reads if other.offsets[n][0] < high][-1:] or reads[:1]
    return there + found[0] if found else MISSING


def _closes(answer: Answer) -> bool:
    """Tell whether an answer ends with a token that wrote nothing: the closing one."""
    return bool(answer.offsets) and answer.offsets[-1][0] == answer.offsets[-1][1]


def _spans(lm: LanguageModel, ids: tuple[int, ...], text: str) -> list[tuple[int, int]] | None:
    """Return which characters `[start, end)` of a text each of its ids wrote, or `None` where that cannot be told."""
    made = lm.decode(ids)
    if made == text:
        return list(lm.offsets(ids))
    # Tokenizers of pieces of words leave out the blank before the first.
    if made.strip() == text.strip():
        lead = len(text) - len(text.lstrip()) - (len(made) - len(made.lstrip()))
        return [(max(start + lead, 0), max(end + lead, 0)) for start, end in lm.offsets(ids)]
    return None
