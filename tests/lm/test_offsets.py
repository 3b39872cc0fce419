"""Which characters each id wrote, from those very ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model))


def byte_ids(lm: LanguageModel, text: str) -> list[int]:
    """Ids of single bytes: what a model can say, though no tokenizer would cut the text so."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    written = bytes_to_unicode()
    return [lm.tokenizer.convert_tokens_to_ids(written[byte]) for byte in text.encode()]


def test_words_are_written_by_the_ids_that_hold_them(lm: LanguageModel) -> None:
    ids = lm.encode("Paris is the city")
    pieces = ["Paris is the city"[start:end] for start, end in lm.offsets(ids)]
    assert pieces == [lm.decode([i]) for i in ids]
    assert "".join(pieces) == "Paris is the city"


def test_a_character_of_several_ids_belongs_to_each_of_them(lm: LanguageModel) -> None:
    ids = byte_ids(lm, "é€a")
    assert lm.decode(ids) == "é€a"
    assert lm.offsets(ids) == ((0, 1), (0, 1), (1, 2), (1, 2), (1, 2), (2, 3))


def test_special_tokens_write_nothing(lm: LanguageModel) -> None:
    eos = lm.tokenizer.eos_token_id
    ids = [*lm.encode("Paris"), eos, *lm.encode(" is"), eos]
    assert lm.decode(ids) == "Paris is"
    offsets = dict(zip(range(len(ids)), lm.offsets(ids), strict=True))
    assert offsets[ids.index(eos)] == (5, 5)
    assert offsets[len(ids) - 1] == (8, 8)


def test_no_ids_have_no_offsets(lm: LanguageModel) -> None:
    assert lm.offsets([]) == ()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 317), max_size=20))
def test_for_any_ids_offsets_run_forward_and_cover_the_text(lm: LanguageModel, ids: list[int]) -> None:
    text, offsets = lm.decode(ids), lm.offsets(ids)
    assert len(offsets) == len(ids)
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert list(offsets) == sorted(offsets)
    covered = {place for start, end in offsets for place in range(start, end)}
    assert covered == set(range(len(text)))
