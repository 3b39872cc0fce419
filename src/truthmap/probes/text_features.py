"""What was said and asked, as features that know no label and no hidden state: words, lengths, sentence embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler, normalize

from truthmap.answer_parts import final_answer, in_final
from truthmap.arrays import Floats, Floats32
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Answer, Grade, Question, RowKey
from truthmap.shown import ShortRepr
from truthmap.text import normalized

_NOTHING = "(none)"  # an answer without an exact answer is a case of its own
_LONGEST = 6000  # characters of a text: of a longer one the first and the last half of so many are read
_MOST_TERMS = 30_000  # of each kind in each text: the commonest
_EVERYWHERE = 0.98  # share of the rows beyond which a term is the template's


class TextPart(StrEnum):
    """A part of what was said and asked, with its own features."""

    EXACT_ANSWER = "exact answer"
    ANSWER = "whole answer"
    QUESTION = "question"
    LENGTHS = "lengths"
    EMBEDDINGS = "embeddings"


class TextEncoder(Protocol):
    """A model that turns texts into vectors."""

    def encode(self, texts: Sequence[str]) -> Floats32:
        """Return a vector for each text: float32 (n, d)."""
        ...


@dataclass(frozen=True, repr=False)
class RowTexts(ShortRepr):
    """What was said and asked in n rows, in the order of the ids.

    Attributes:
        ids: The rows' keys.
        exact_answer: The exact answer's text, empty where none was found.
        answer: The whole answer's text.
        question: The question's text, context included.
        lengths: float64 (n, k): counts of tokens and characters.
    """

    ids: tuple[RowKey, ...]
    exact_answer: tuple[str, ...]
    answer: tuple[str, ...]
    question: tuple[str, ...]
    lengths: Floats

    def take(self, ids: Sequence[RowKey]) -> RowTexts:
        """Return these rows, in this order."""
        place = {i: n for n, i in enumerate(self.ids)}
        rows = [place[i] for i in ids]
        exact_answer, answer, question = (
            tuple(texts[n] for n in rows) for texts in (self.exact_answer, self.answer, self.question)
        )
        return RowTexts(tuple(ids), exact_answer, answer, question, self.lengths[rows])


def row_texts(
    labels: LabelledAnswers, questions: Sequence[Question], answers: Mapping[RowKey, Answer], grades: Sequence[Grade]
) -> RowTexts:
    """Join what was said and asked in the labelled rows; answers go by their own keys.

    Of an answer that thinks, its text is the final part. The lengths are those of the answer in tokens, its thought
    included, and of its text in characters, of the exact answer, of the text before it, and of
    the question in characters.
    """
    question = {q.id: " ".join(filter(None, (q.context, q.text))) for q in questions}
    grade = {g.key: g for g in grades}
    final = {i.answer: final_answer(answers[i.answer]) for i in labels.ids}
    lengths = [
        (
            len(answers[i.answer].answer_ids),
            len(final[i.answer].text),
            len(grade[i].exact_answer),
            span.start if (span := in_final(answers[i.answer], grade[i].span)) else len(final[i.answer].text),
            len(question[i.question_id]),
        )
        for i in labels.ids
    ]
    return RowTexts(
        labels.ids,
        tuple(grade[i].exact_answer for i in labels.ids),
        tuple(final[i.answer].text for i in labels.ids),
        tuple(question[i.question_id] for i in labels.ids),
        np.array(lengths, dtype=np.float64).reshape(len(labels.ids), 5),
    )


@dataclass(frozen=True, repr=False)
class TextFeatures(ShortRepr):
    """Features that were made from some rows, and can be made of others.

    Attributes:
        parts: What each part of a row is turned into features by: texts of n rows → (n, k).
    """

    parts: Mapping[TextPart, _Part]

    @classmethod
    def of(cls, texts: RowTexts, encoder: TextEncoder | None = None) -> TextFeatures:
        """Find the words and the scale of lengths in rows; no label is used.

        Args:
            texts: The rows to learn words from.
            encoder: Gives sentence embeddings too, where there is one.
        """
        parts: dict[TextPart, _Part] = {
            TextPart.EXACT_ANSWER: _Words.of(texts.exact_answer, "exact_answer"),
            TextPart.ANSWER: _Words.of(texts.answer, "answer"),
            TextPart.QUESTION: _Words.of(texts.question, "question"),
            TextPart.LENGTHS: _Lengths(StandardScaler().fit(texts.lengths)),
        }
        if encoder is not None:
            vectors = _encoded(encoder, texts)
            parts[TextPart.EMBEDDINGS] = _Embeddings(encoder, StandardScaler().fit(vectors))
        return cls(MappingProxyType(parts))

    def matrices(self, texts: RowTexts) -> dict[TextPart, csr_matrix]:
        """Return the features of each part, rows of length about 1: sparse (n, k) each."""
        return {name: part.matrix(texts) for name, part in self.parts.items()}


def joined(matrices: Mapping[TextPart, csr_matrix], parts: Sequence[TextPart]) -> csr_matrix:
    """Return the features of several parts side by side: sparse (n, sum of k)."""
    return csr_matrix(hstack([matrices[part] for part in parts]))


class _Part(Protocol):
    def matrix(self, texts: RowTexts) -> csr_matrix:
        """Return the features of n rows: sparse (n, k)."""
        ...


@dataclass(frozen=True)
class _Words:
    """Tf-idf weights of words, word pairs and pieces of words of one text, each row of length 1.

    What stands in nearly all texts is the wording of the template and is left out, so that what differs counts.
    """

    vectorizers: tuple[TfidfVectorizer, ...]
    field: str

    @classmethod
    def of(cls, texts: Sequence[str], field: str) -> _Words:
        shown = [_shown(text) for text in texts]
        return cls(tuple(_fitted(make, shown) for make in (_word_vectorizer, _piece_vectorizer)), field)

    def matrix(self, texts: RowTexts) -> csr_matrix:
        shown = [_shown(text) for text in getattr(texts, self.field)]
        return csr_matrix(normalize(hstack([each.transform(shown) for each in self.vectorizers])))


@dataclass(frozen=True)
class _Lengths:
    scaler: StandardScaler

    def matrix(self, texts: RowTexts) -> csr_matrix:
        return csr_matrix(self.scaler.transform(texts.lengths) / np.sqrt(max(texts.lengths.shape[1], 1)))


@dataclass(frozen=True)
class _Embeddings:
    encoder: TextEncoder
    scaler: StandardScaler

    def matrix(self, texts: RowTexts) -> csr_matrix:
        vectors = self.scaler.transform(_encoded(self.encoder, texts))
        return csr_matrix(vectors / np.sqrt(vectors.shape[1]))


def _encoded(encoder: TextEncoder, texts: RowTexts) -> Floats:
    """Return the embeddings of question and answer as one text, and of the exact answer: float64 (n, 2 d)."""
    whole = [
        f"{_short(question)} {_short(answer)}" for question, answer in zip(texts.question, texts.answer, strict=True)
    ]
    distinct = list(dict.fromkeys([*whole, *texts.exact_answer]))
    vector = dict(zip(distinct, encoder.encode(distinct), strict=True))
    pairs = zip(whole, texts.exact_answer, strict=True)
    return np.stack([np.concatenate([vector[one], vector[other]]) for one, other in pairs]).astype(np.float64)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} {text[-_LONGEST // 2 :]}"


def _shown(text: str) -> str:
    return normalized(_short(text)) or _NOTHING


def _fitted(make: Callable[[float], Any], texts: Sequence[str]) -> Any:
    try:
        return make(_EVERYWHERE).fit(texts)
    except ValueError:  # nothing is left where all texts are the same
        return make(1.0).fit(texts)


def _word_vectorizer(most: float) -> Any:
    return TfidfVectorizer(
        ngram_range=(1, 2), tokenizer=str.split, token_pattern=None, max_df=most, max_features=_MOST_TERMS
    )


def _piece_vectorizer(most: float) -> Any:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_df=most, max_features=_MOST_TERMS)
