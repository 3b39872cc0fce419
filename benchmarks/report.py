"""The report of a large run: time and size."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.made_run import Made, make_run

from truthmap.records import Site
from truthmap.report.build import write_report

_SIZES = ((1_600, 30, 1), (10_000, 32, 1), (10_000, 80, 4))
"""Answers, layers and sites of the runs whose page is written; the second is 480 cells."""


def run() -> str:
    """Write the pages of drawn runs and measure."""
    lines = ["| answers | cells | seconds | page, MB |", "|---|---|---|---|"]
    for n, layers, n_sites in _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            made = make_run(Path(folder) / "run", Made(n=n, layers=layers, sites=tuple(Site)[:n_sites]))
            started = time.perf_counter()
            path = write_report(made)
            seconds = time.perf_counter() - started
            cells = layers * 15 * n_sites
            lines.append(f"| {n:,} | {cells:,} | {seconds:.1f} | {path.stat().st_size / 1e6:.1f} |")
    return "\n".join([*lines, "", "To reach: 10,000 answers × 480 cells in under 20 s on 2 cores, and under 8 MB."])
