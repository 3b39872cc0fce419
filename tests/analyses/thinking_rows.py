"""Questions whose ready answers think."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from truthmap.pipeline.runner import run_study
from truthmap.runs.run import Run
from truthmap.study.study import Study

PLACES = "last_q,thought[0],thought[50%],thought[-1],thought[1],thought[4],thought[4000],steps[0],exact[-1],final[-1]"
NAMES = ["Peru", "France"]
RIGHT = np.random.default_rng(0).random(90) < 0.5


def row(n: int) -> dict[str, Any]:
    """A question whose answer thinks, but for each tenth; the thought names the answer in its second half."""
    said = NAMES[0 if RIGHT[n] else 1]
    thought = f"<think> I do not know of a country and the city is {said} of the country</think>" if n % 10 else ""
    return {
        "id": f"q{n:03d}", "question": f"Which country is number {n}?", "answer": "Peru", "candidates": NAMES,
        "response": f"{thought} It is {said}",
    }  # fmt: skip


def run_of_thoughts(model: Path, out: Path) -> Run:
    """Run a study of ready answers that think."""
    return run_study(
        Study(
            model=str(model),
            questions=[row(n) for n in range(90)],
            positions=PLACES,
            permutations=4,
            out=out,
            device="cpu",
        )
    )
