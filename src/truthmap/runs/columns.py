"""How the records of a run stand in tables: a column per field, its Arrow type, and the two ways across."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from truthmap.records import (
    Answer,
    Claim,
    Grade,
    Judgement,
    Message,
    Outcome,
    Part,
    Question,
    Span,
    Split,
    SplitAssignment,
)


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Column:
    """How one field stands in a table: its Arrow type and the two ways across."""

    kind: pa.DataType
    write: Callable[[Any], Any] = _same
    read: Callable[[Any], Any] = _same


def _optional(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else change(value)


@lru_cache(maxsize=1024)
def _read_candidates(text: str) -> tuple[tuple[str, ...], ...]:
    # Questions of one set mostly share their candidates; the cache lets them share the tuple too.
    return tuple(tuple(names) for names in json.loads(text))


@lru_cache(maxsize=1024)
def _write_candidates(candidates: tuple[tuple[str, ...], ...]) -> str:
    return json.dumps(candidates, ensure_ascii=False)


_TEXT = Column(pa.string())
_FLAG = Column(pa.bool_())
_NUMBER = Column(pa.int32())
_TEXTS = Column(pa.list_(pa.string()), list, tuple)
_IDS = Column(pa.list_(pa.int32()), list, tuple)
_PAIRS = Column(
    pa.list_(pa.list_(pa.int32(), 2)),
    lambda pairs: [list(p) for p in pairs],
    lambda pairs: tuple(tuple(p) for p in pairs),
)
# Not of a fixed size: some versions of Arrow write missing lists of one, and cannot read them back.
_SPAN = Column(
    pa.list_(pa.int32()), _optional(lambda span: [span.start, span.end]), _optional(lambda pair: Span(*pair))
)
_PART = Column(
    pa.struct([("tokens", _SPAN.kind), ("characters", _SPAN.kind)]),
    _optional(lambda part: {"tokens": _SPAN.write(part.tokens), "characters": _SPAN.write(part.characters)}),
    _optional(lambda part: Part(_SPAN.read(part["tokens"]), _SPAN.read(part["characters"]))),
)
_OUTCOME = Column(pa.string(), _optional(str), _optional(Outcome))

COLUMNS: Mapping[type, Mapping[str, Column]] = {
    Question: {
        "id": _TEXT,
        "text": _TEXT,
        "accepted": _TEXTS,
        "candidates": Column(
            pa.dictionary(pa.int32(), pa.string()), _optional(_write_candidates), _optional(_read_candidates)
        ),
        "context": _TEXT,
        "group": _TEXT,
        "answer": _TEXT,
        "outcome": _OUTCOME,
        "exact_answer": _TEXT,
        "turns": Column(
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
            lambda turns: [asdict(message) for message in turns],
            lambda turns: tuple(Message(**message) for message in turns),
        ),
        "prompt": _TEXT,
        "claims": Column(
            pa.list_(pa.struct([("span", _SPAN.kind), ("outcome", pa.string())])),
            lambda claims: [{"span": _SPAN.write(claim.span), "outcome": str(claim.outcome)} for claim in claims],
            lambda claims: tuple(Claim(_SPAN.read(claim["span"]), Outcome(claim["outcome"])) for claim in claims),
        ),
    },
    Answer: {
        "question_id": _TEXT,
        "prompt_ids": _IDS,
        "answer_ids": _IDS,
        "text": _TEXT,
        "log_probs": Column(pa.list_(pa.float32()), list, tuple),
        "offsets": _PAIRS,
        "finished": _FLAG,
        "sample": _NUMBER,
        "fault": _TEXT,
        "thought": _PART,
        "final": _PART,
    },
    Grade: {
        "question_id": _TEXT,
        "outcome": _OUTCOME,
        "rule": _TEXT,
        "span": _SPAN,
        "exact_answer": _TEXT,
        "canonical": _TEXT,
        "why": _TEXT,
        "refusal": _FLAG,
        "sample": _NUMBER,
        "claim": _NUMBER,
        "judgement": Column(
            pa.struct([(name, pa.string()) for name in ("model", "prompt", "reply")]),
            _optional(asdict),
            _optional(lambda kept: Judgement(**kept)),
        ),
    },
    SplitAssignment: {"question_id": _TEXT, "split": Column(pa.string(), str, Split), "fold": _NUMBER},
}
FORMER_NAMES: Mapping[str, str] = {"canonical": "meaning"}
"""Columns that files of older versions have under another name."""
LATER: Mapping[str, Any] = {
    "claim": 0, "judgement": None, "turns": (), "prompt": None, "thought": None, "final": None, "claims": (),
}  # fmt: skip
"""Columns that files of older versions lack, and what stands for them there."""
