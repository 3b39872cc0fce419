"""The study that most tests of a whole run make: a tiny model, a map of few columns, and few shuffles of the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from truthmap.study.study import Study

COLUMNS = ("last_q", "first_answer", "exact_answer_first", "exact_answer_last", "-2", "-1")
"""A column of each group: what stands in a cell does not depend on how many others there are."""
SHUFFLES = 10


def small_study(model: Path, out: Path | str, **changes: Any) -> Study:
    """Return a study of `spoken` in shards of 32 answers, which `changes` may change."""
    usual: dict[str, Any] = {"questions": "spoken", "shard": 32, "positions": COLUMNS, "permutations": SHUFFLES}
    return Study(model=str(model), out=out, **{**usual, **changes})
