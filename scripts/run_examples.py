"""Run the examples, each in a process of its own, and keep what they print and draw: `make examples`.

`python scripts/run_examples.py [NAME ...] [--at FOLDER]` runs them in an empty folder, one after the other: the first
makes the run that most of the others open. What each printed goes to `examples/output/NAME.txt`, its figure to
`NAME.png`, and how long each took to `times.json`; the site shows them. It ends with exit code 1 if any failed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES, OUTPUT = ROOT / "examples", ROOT / "examples" / "output"
FIRST = "first_map"
"""Makes the run that others open."""

_MOST_SECONDS = 900


def main() -> int:
    """Run the examples that are named, all without names; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--at", type=Path, help="where to run them; by default a folder that is removed afterwards")
    given = parser.parse_args()
    OUTPUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as own:
        folder = given.at or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        failed = [name for name in given.names or all_names() if not run_example(name, folder)]
    sys.stdout.write(f"failed: {', '.join(failed)}\n" if failed else "all examples ran\n")
    return 1 if failed else 0


def all_names() -> list[str]:
    """Return the names of all examples, the first map before the others."""
    return sorted((path.stem for path in EXAMPLES.glob("*.py")), key=lambda name: (name != FIRST, name))


def run_example(name: str, folder: Path) -> bool:
    """Run one example and keep what it printed and drew; return whether it ended well."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "MPLBACKEND": "agg", "COLUMNS": "100"}
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    started, before = time.monotonic(), _processor_seconds()
    done = subprocess.run(  # noqa: S603 (our own scripts)
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False
    )
    seconds = {"wall": round(time.monotonic() - started), "processor": round(_processor_seconds() - before)}
    sys.stdout.write(f"{name}: {seconds['wall']} s, {seconds['processor']} s of processor time\n")
    if done.returncode != 0:
        sys.stdout.write(done.stderr[-2000:])
        return False
    (OUTPUT / f"{name}.txt").write_text(done.stdout, encoding="utf-8")
    if (folder / f"{name}.png").exists():
        shutil.copy(folder / f"{name}.png", OUTPUT / f"{name}.png")
    times = OUTPUT / "times.json"
    kept = json.loads(times.read_text(encoding="utf-8")) if times.exists() else {}
    times.write_text(json.dumps({**kept, name: seconds}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return True


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
