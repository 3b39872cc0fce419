"""Try every kind of model and write docs/verified.md."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
import transformers

from benchmarks.families.runs import StudyRow, studies
from benchmarks.families.sweep import Result, Row, sweep

PAGE = Path("docs/verified.md")


def main() -> int:
    """Run the sweep; the exit status is 1 where a kind breaks a law."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    started = time.perf_counter()
    rows = []
    for row in sweep():
        rows.append(row)
        print(f"{row.model_type}: {row.result}; {row.detail}", flush=True)
    made = []
    for study in studies():
        made.append(study)
        print(f"{study.name}: a study in {study.seconds:.1f} s", flush=True)
    PAGE.write_text(page(rows, time.perf_counter() - started, made), encoding="utf-8")
    return int(any(row.result is Result.BREAKS for row in rows))


def page(rows: Sequence[Row], seconds: float, made: Sequence[StudyRow]) -> str:
    """Return the page: counts, what was tried with, the studies that were made, and a row for each kind."""
    counts = Counter(row.result for row in rows)
    day = datetime.now(tz=UTC).date().isoformat()
    what = (
        "Every kind of model that transformers loads for text (`AutoModelForCausalLM`; `AutoModelForImageTextToText` "
        "for reading text alone), as a tiny random model made from its own configuration class. It must obey every law "
        "of states that `truthmap doctor` tries, or be refused in one line; what does neither is listed as what it is."
    )
    counted = (
        f"- {counts[Result.OBEYS]} obey every law, {counts[Result.REFUSED]} are refused, {counts[Result.BREAKS]} break "
        f"a law, of {counts[Result.NOT_MADE]} transformers makes no tiny model here."
    )
    measured = (
        f"- {day}, {os.cpu_count()} CPU cores, transformers {version('transformers')}, torch {version('torch')}, "
        f"float32, {seconds:.0f} s: `make families`."
    )
    untried = "- Not tried so: real weights, images, quantised weights, windows and sparse attention at real lengths."
    studied = (
        "Of the kinds that people use most, a whole study was made: questions to the report, the answers generated "
        "with states kept on the way. Its grader calls every second answer right, as a random model knows nothing."
    )
    done = ["| kind | right, wrong, unscored | layers × positions, cells with a score | seconds | report |"]
    done += ["|---|---|---|--:|--:|", *map(_study_line, made)]
    head = ["| kind | class | result | sites; or why not |", "|---|---|---|---|"]
    lines = ["# Verified models", "", what, "", counted, measured, untried, "", "## Whole studies", "", studied, ""]
    lines += [*done, "", "## Every kind", "", *head]
    lines += [f"| {r.model_type} | {r.architecture} | {r.result} | {_cell(r.detail)} |" for r in rows]
    return "\n".join(lines) + "\n"


def _study_line(study: StudyRow) -> str:
    layers, positions, cells = study.shape
    outcomes = ", ".join(map(str, study.outcomes))
    size = f"{study.report / 1e6:.1f} MB"
    return f"| {study.name} | {outcomes} | {layers} × {positions}, {cells} | {study.seconds:.0f} | {size} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
