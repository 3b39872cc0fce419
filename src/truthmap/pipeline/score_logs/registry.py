"""The formats that scores are written in, a line each; loading them loads neither torch nor a tool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import cast


@dataclass(frozen=True)
class ScoreFormat:
    """A format that scores are written in.

    Attributes:
        name: What it is called on the command line.
        holds: What the file holds, in a few words.
        needs_log: It is the log that the answers came from, with more in it; else a table of its own.
        write: Where in this folder the function is that writes (`ScoredLog`, path) and returns how many samples have a
            score, `module:function`: naming it loads nothing.
    """

    name: str
    holds: str
    needs_log: bool
    write: str

    def load(self) -> Callable[..., int]:
        """Load the function that writes it."""
        return cast("Callable[..., int]", resolve_name(f"truthmap.pipeline.score_logs.{self.write}"))


SCORE_FORMATS = {
    each.name: each
    for each in (
        ScoreFormat("lm-eval", "samples of lm-evaluation-harness, a key more", True, "lm_eval_samples:write_lm_eval"),
        ScoreFormat("inspect", "a log of inspect_ai, a scorer more", True, "inspect_samples:write_inspect"),
        ScoreFormat("csv", "a table", False, "csv_table:write_csv"),
    )
}
"""By the names that they have on the command line."""
