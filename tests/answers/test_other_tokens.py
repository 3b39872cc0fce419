"""An answer in another model's tokens: the same text, the same places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from model_families import language_model
from truthmap.answers.other_tokens import in_tokens_of, same_ranges
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.positions import MISSING
from truthmap.records import Answer

CHAT = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
BYTES = pre_tokenizers.ByteLevel.alphabet()
LETTERS = 1
"""The prompt of each model, which is one token here."""


def speaking(*words: str, chat: bool = True, closes: bool = True) -> LanguageModel:
    """Return a model whose tokens are these words and all single bytes."""
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<eos>": 0}
    for word in [*sorted(BYTES), *words]:
        vocabulary.setdefault(word, len(vocabulary))
    merges = []
    for word in words:
        for cut in range(2, len(word) + 1):
            merges.append((word[: cut - 1], word[cut - 1]))
            vocabulary.setdefault(word[:cut], len(vocabulary))
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=list(dict.fromkeys(merges))))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>" if closes else None)
    tokenizer.chat_template = CHAT if chat else None
    return LanguageModel("speaking", language_model("llama").model, tokenizer, LoadSettings())


def said_by(lm: LanguageModel, text: str, *, finished: bool = True) -> Answer:
    """Return an answer as a model gives it."""
    ids = lm.encode(text)
    offsets = lm.offsets(ids)
    if finished and lm.closing_id is not None:
        ids, offsets = (*ids, lm.closing_id), (*offsets, (len(text), len(text)))
    return Answer("q", (LETTERS,), ids, text, tuple(0.0 for _ in ids), offsets, finished)


def singles(index: np.ndarray) -> np.ndarray:
    """Return the ranges of single tokens."""
    return np.stack([index, np.where(index == MISSING, MISSING, index + 1)], axis=1).astype(np.int32)


def last_characters(answer: Answer, index: np.ndarray) -> list[str]:
    return [answer.text[answer.offsets[n - len(answer.prompt_ids)][1] - 1] for n in index.tolist()]


def test_the_same_model_reads_the_very_ids() -> None:
    lm = speaking("ab")
    generated = replace(said_by(lm, "ab"), answer_ids=(lm.encode("a")[0], lm.encode("b")[0], 0), log_probs=(0.0,) * 3)
    assert in_tokens_of(lm, (LETTERS,), generated) is generated


@pytest.mark.parametrize("text", ["Hartford, an old city", "São Paulo 👍🏽 中文", "a  b\nc"])
def test_each_token_is_found_where_its_text_ends(text: str) -> None:
    own, other = speaking("Hart", "ford"), speaking("Hartf", "an", "old")
    answer = said_by(own, text)
    reread = in_tokens_of(other, (LETTERS, LETTERS), answer)
    assert reread is not None
    assert other.decode(reread.answer_ids) == text
    index = np.arange(1, 1 + len(answer.answer_ids), dtype=np.int32)
    places = same_ranges(answer, reread, singles(index))[:, 0]
    ends = [answer.offsets[n - 1][1] for n in index[:-1]]
    read = [other.decode(reread.answer_ids[: n - 1]) for n in places[:-1]]
    assert all(len(text) >= end for text, end in zip(read, ends, strict=True))
    assert all(text == answer.text[: len(text)] for text in read)  # whole characters, and no more than
    short = [other.decode(reread.answer_ids[: n - 2]) for n in places[:-1]]
    assert all(text != answer.text[: max(end, len(text))] for text, end in zip(short, ends, strict=True))  # are needed
    assert places[-1] == 1 + len(reread.answer_ids)  # closing token


def test_the_prompts_last_token_is_the_other_prompts() -> None:
    own, other = speaking("ab"), speaking("b")
    answer = said_by(own, "ab")
    reread = in_tokens_of(other, (1, 2, 3, 4), answer)
    assert reread is not None
    assert same_ranges(answer, reread, singles(np.array([0, MISSING])))[:, 0].tolist() == [3, MISSING]


def test_blanks_are_those_of_the_way_of_asking() -> None:
    chat, plain = speaking("Paris"), speaking("Paris", chat=False)
    answer = said_by(chat, "Paris.")
    reread = in_tokens_of(plain, (LETTERS, 2), answer)
    assert reread is not None
    assert plain.decode(reread.answer_ids) == " Paris."
    assert [answer.text[a:b] for a, b in reread.offsets] == ["", "Paris", ".", ""]
    back = in_tokens_of(chat, (LETTERS, LETTERS), said_by(plain, "  Paris."))
    assert back is not None
    assert chat.decode(back.answer_ids) == "Paris."
    assert back.offsets[0] == (2, 7)


def test_a_model_that_closes_no_answer_has_no_closing_state() -> None:
    own, other = speaking("ab"), speaking("ab", closes=False)
    answer = said_by(own, "ab")
    reread = in_tokens_of(other, (LETTERS, 2), answer)
    assert reread is not None
    assert same_ranges(answer, reread, singles(np.array([1, 2])))[:, 0].tolist() == [2, MISSING]
    cut = said_by(own, "ab", finished=False)
    again = in_tokens_of(own, (LETTERS, 2), cut)
    assert again is not None
    assert again.answer_ids == cut.answer_ids


def test_what_the_other_model_cannot_read_is_left_out() -> None:
    lm = speaking("ab")
    assert in_tokens_of(lm, (LETTERS,) * 60, said_by(lm, "abcdef")) is None  # of at most 64 tokens
    unknown = language_model("gpt2")  # its tokenizer has words, no letters
    assert in_tokens_of(unknown, (LETTERS, 2), said_by(lm, "ab")) is None


def test_several_tokens_are_those_that_wrote_their_characters() -> None:
    own, other = speaking("It", "is", "Lima"), speaking("Itis", "Li", "ma", ".")
    answer = said_by(own, "ItisLima.")
    reread = in_tokens_of(other, (LETTERS, LETTERS), answer)
    assert reread is not None
    n, m = len(answer.answer_ids), len(reread.answer_ids)
    ranges = np.array([[1, 1 + n], [1, n], [2, 4], [0, 1], [0, 2], [MISSING, MISSING]], np.int32)
    found = same_ranges(answer, reread, ranges).tolist()
    text = ["".join(answer.text[a:b] for a, b in reread.offsets[low - 2 : high - 2]) for low, high in found[:3]]
    assert text == ["ItisLima.", "ItisLima.", "ItisLima"]
    assert [found[0][1], found[1][1]] == [2 + m, 1 + m]  # with the closing token, and without
    assert found[3:] == [[1, 2], [MISSING, MISSING], [MISSING, MISSING]]
    assert same_ranges(answer, answer, ranges[:4]).tolist() == ranges[:4].tolist()
    assert same_ranges(replace(answer, prompt_ids=(1, 2)), reread, np.array([[0, 2]], np.int32)).tolist() == [[0, 2]]
