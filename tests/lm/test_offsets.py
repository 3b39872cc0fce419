"""Which characters each id wrote, from those very ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel
from truthmap.lm.offsets import decode, shared_length, token_offsets


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


def by_prefix(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> tuple[tuple[int, int], ...]:
    """The definition: each id wrote what the text has more with it than without it."""
    text, offsets, done = decode(tokenizer, ids), [], 0
    for n, token in enumerate(ids):
        if token in tokenizer.all_special_ids:
            offsets.append((done, done))
            continue
        prefix = decode(tokenizer, ids[: n + 1])
        agreed = max(done, shared_length(prefix, text))
        offsets.append((done, agreed + (len(prefix) > agreed and agreed < len(text))))
        done = agreed
    return tuple(offsets)


def tokenizer_of(kind: str) -> PreTrainedTokenizerBase:
    """A tokenizer of words, pieces of words and bytes, with a decoder as models have them."""
    words = ["\u2581the", "\u2581a", "x", "\u2581", "ing", "é", "\u2581日本", "!", "\u2581word"]
    if kind == "wordpiece":
        words = ["the", "a", "##x", "##ing", "é", "日本", "!", "word", "##ed"]
    if kind == "bpe":
        words = ["the</w>", "a</w>", "x", "ing", "é</w>", "日本", "!</w>", "word", "ed</w>"]
    pieces = ["<unk>", "<s>", "</s>", *words, *[f"<0x{byte:02X}>" for byte in range(256)]]
    vocabulary = {piece: n for n, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.decoder = {
        "sentencepiece": decoders.Sequence(
            [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        ),
        "metaspace": decoders.Metaspace(),
        "wordpiece": decoders.WordPiece(),
        "bpe": decoders.BPEDecoder(),
        "joined": None,
    }[kind]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


KINDS = ["sentencepiece", "metaspace", "wordpiece", "bpe", "joined"]
BYTES = [12 + 0xC3, 12 + 0xA9, 12 + 0xE2, 12 + 0x41]
"""Ids of bytes that begin, end and break characters."""


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(1, 11), st.sampled_from([12 + 0xC3, 12 + 0xA9, 12 + 0xE2, 12 + 0x41])), max_size=60)
)
def test_offsets_are_those_of_the_definition_for_every_decoder(kind: str, ids: list[int]) -> None:
    tokenizer = tokenizer_of(kind)
    assert token_offsets(tokenizer, ids) == by_prefix(tokenizer, ids)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 317), max_size=60))
def test_offsets_of_bytes_are_those_of_the_definition(lm: LanguageModel, ids: list[int]) -> None:
    assert token_offsets(lm.tokenizer, ids) == by_prefix(lm.tokenizer, ids)


@pytest.mark.parametrize("repeated", [[3, 5, 7, 6, 10, 8], [5], [9], [12 + 0xC3, 12 + 0xA9]], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_each_id_of_a_long_answer_is_decoded_a_few_times(kind: str, repeated: list[int]) -> None:
    tokenizer, ids = tokenizer_of(kind), (repeated * 1000)[:1000]
    decoded = 0

    class Counting:
        all_special_ids = tokenizer.all_special_ids
        decode = staticmethod(tokenizer.decode)

        @staticmethod
        def batch_decode(several: list[list[int]], **options: bool) -> list[str]:
            nonlocal decoded
            decoded += sum(map(len, several))
            return tokenizer.batch_decode(several, **options)

    assert token_offsets(Counting(), ids) == token_offsets(tokenizer, ids)  # type: ignore[arg-type]
    assert decoded < 40 * len(ids), "each id is decoded with a bounded number of others"
