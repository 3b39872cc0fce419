"""Exact answers as token ids: in byte-level BPE and in SentencePiece with byte fallback, whatever the letters."""

from __future__ import annotations

from typing import Any

import pytest

from truthmap.grading.grade import grade
from truthmap.grading.token_spans import locate_positions, span_tokens
from truthmap.lm.offsets import decode, token_offsets
from truthmap.positions import PAPER, Position
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Grade, Question

TEXTS = [
    # (answer, exact answer)
    ("Lima", "Lima"),
    ("It is Lima", "Lima"),
    ("Lima is it.", "Lima"),
    ("Sima, Lima, Lima and Lima.", "Lima"),
    ("It is 🎉Zürich🎉, near Genève.", "Zürich"),
    ("It is Zu\u0308rich\u0301, truly.", "Zu\u0308rich\u0301"),
    ("それは東京です。", "東京"),
    ("The family 👩‍👩‍👧 Lima👍🏽.", "Lima"),
    ("  \n Lima\n\n", "Lima"),
]


def byte_level() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<eos>"], initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator([text for text, _ in TEXTS] * 4, trainer)
    return backend


def sentence_piece() -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    pieces = ["<eos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁It", "▁is", "▁Li", "ma", ",", "."]
    vocabulary = {
        piece: index
        for index, piece in enumerate([*pieces, "▁L", "L", "i", "m", "a", "I", "t", "s", "▁I", "▁i", "▁Lima"])
    }
    merges = [("▁", "L"), ("▁", "I"), ("▁", "i"), ("m", "a"), ("▁I", "t"), ("▁i", "s"), ("▁L", "i"), ("▁Li", "ma")]
    backend = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens([AddedToken("<eos>", special=True)])
    return backend


@pytest.fixture(scope="module", params=[byte_level, sentence_piece])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=request.param(), eos_token="<eos>")


def answered(tokenizer: Any, text: str, closed: bool = True) -> Answer:
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], *([tokenizer.eos_token_id] if closed else [])]
    offsets = token_offsets(tokenizer, ids)
    return Answer("q", (5, 6), tuple(ids), decode(tokenizer, ids), (0.0,) * len(ids), offsets, closed)


def graded(answer: Answer, exact: str) -> Grade:
    question = Question("q", "Which city is it?", ("x",), exact_answer=exact)
    return grade(question, answer, Task(GradingRule.ALIAS, Locating.COLUMN))


@pytest.mark.parametrize(("text", "exact"), TEXTS)
@pytest.mark.parametrize("closed", [True, False])
def test_the_ids_of_a_span_are_the_fewest_that_write_it(tokenizer: Any, text: str, exact: str, closed: bool) -> None:
    answer = answered(tokenizer, text, closed)
    assert answer.text == text
    result = graded(answer, exact)
    assert result.span is not None
    assert answer.text[result.span.start : result.span.end] == exact
    assert result.span.start == text.index(exact)
    tokens = span_tokens(answer, result.span)
    assert tokens is not None
    assert exact in decode(tokenizer, answer.answer_ids[tokens.start : tokens.end])
    before = decode(tokenizer, answer.answer_ids[: tokens.start])
    assert text.startswith(before.rstrip("\ufffd"))
    assert len(before.rstrip("\ufffd")) <= result.span.start
    for start, end in ((tokens.start + 1, tokens.end), (tokens.start, tokens.end - 1)):
        # One id fewer on either side does not write the whole span.
        written = {c for low, high in answer.offsets[start:end] for c in range(low, high)}
        torn = decode(tokenizer, answer.answer_ids[start:end])
        assert not set(range(result.span.start, result.span.end)) <= written or exact not in torn


@pytest.mark.parametrize(("text", "exact"), TEXTS)
def test_positions_point_at_those_ids(tokenizer: Any, text: str, exact: str) -> None:
    answer = answered(tokenizer, text)
    span = graded(answer, exact).span
    assert span is not None
    tokens = span_tokens(answer, span)
    assert tokens is not None
    places = dict(zip(PAPER, locate_positions(answer, span).tolist(), strict=True))
    assert places[Position.of("exact_answer_before_first")] == 2 + tokens.start - 1
    assert places[Position.of("exact_answer_first")] == 2 + tokens.start
    assert places[Position.of("exact_answer_last")] == 2 + tokens.end - 1
    assert places[Position.of("exact_answer_after_last")] == 2 + tokens.end


def test_a_span_over_the_cut_off_ends_where_the_answer_was_cut(tokenizer: Any) -> None:
    whole = answered(tokenizer, "It is Lima Lima", closed=False)
    cut = whole.answer_ids[:-1]
    answer = Answer("q", (5, 6), cut, decode(tokenizer, cut), (), token_offsets(tokenizer, cut), False)
    left = answer.text.removeprefix("It is").strip()
    # What was cut off cannot be found; what is left of it can.
    assert graded(answer, "Lima Lima").span is None
    span = graded(answer, left).span
    assert span is not None
    places = dict(zip(PAPER, locate_positions(answer, span).tolist(), strict=True))
    assert places[Position.of("exact_answer_last")] == places[Position.of("-1")] == 2 + len(cut) - 1
    assert places[Position.of("exact_answer_after_last")] == -1
