"""Simulate, and put the table into docs/validity.md: `python -m simulations [DRAWS]`, by default 1,000 of each."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from simulations import intervals, maps, promises, resampling
from simulations.result import Result

PAGE = Path(__file__).parent.parent / "docs" / "validity.md"
DRAWS = 1000
_START, _END = "<!-- table -->\n", "<!-- /table -->\n"


def simulate(draws: int) -> Iterator[Result]:
    """Run every simulation with so many draws."""
    for part in (intervals, resampling, promises, maps):
        yield from part.run(draws)


def main(arguments: Sequence[str]) -> int:
    """Simulate and write the table; give the exit code, 1 where something does not hold."""
    draws = int(arguments[0]) if arguments else DRAWS
    started, results = time.perf_counter(), []
    for result in simulate(draws):
        print(f"{'  ' if result.holds() else '! '}{result.row}", flush=True)
        results.append(result)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page, table(results, draws, time.perf_counter() - started)), encoding="utf-8")
    return 0 if all(result.holds() for result in results) else 1


def table(results: Sequence[Result], draws: int, seconds: float) -> str:
    """Return the table with what it was made by."""
    made = (
        f"{datetime.now(UTC).date()}, one core of {platform.machine()} ({os.cpu_count()} in all), "
        f"Python {platform.python_version()}, {seconds / 60:.0f} minutes; `python -m simulations {draws}`. "
        "± is the 95 % interval of the rate itself."
    )
    head = "| what | data | should be | is | draws |\n|---|---|---|---|---|"
    return "\n".join([made, "", head, *(result.row for result in results), ""])


def with_table(page: str, body: str) -> str:
    """Put the table between its marks."""
    pattern = re.compile(re.escape(_START) + ".*?" + re.escape(_END), re.DOTALL)
    return pattern.sub(lambda _: f"{_START}{body}{_END}", page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
