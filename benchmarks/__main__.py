"""Run the benchmarks named (default: all) and put their figures into docs/benchmarks.md.

A benchmark is a module here with a docstring (its first line is the heading) and `run() -> str`, which measures and
returns Markdown; with a `PAGE` of its own, its figures go there. Each section says when, where and by which command it
was measured; the other sections stay.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_HEAD = "# Benchmarks\n\nWritten by `make bench`; ratios are taken within one run, because machines are noisy.\n"


def main(names: Sequence[str]) -> int:
    """Run benchmarks and write their sections; give the exit code."""
    here = iter_modules([str(Path(__file__).parent)])
    known = sorted(module.name for module in here if not (module.ispkg or module.name[0] == "_"))
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in names or known:
        print(f"{name} …", flush=True)
        module = import_module(f"benchmarks.{name}")
        body, page = _section(name, module), getattr(module, "PAGE", PAGE)
        print(body)
        before = page.read_text(encoding="utf-8") if page.exists() else _HEAD
        page.write_text(_replaced(before, name, body), encoding="utf-8")
    return 0


def _section(name: str, module: ModuleType) -> str:
    heading = (module.__doc__ or name).strip().splitlines()[0].rstrip(".")
    measured = module.run().strip()
    when = datetime.now(UTC).date()
    return f"## {heading}\n\n{when}, {_machine()}; `python -m benchmarks {name}`\n\n{measured}\n"


def _machine() -> str:
    cores = f"{os.cpu_count()} CPU cores ({platform.machine()})"
    return f"{cores}, Python {platform.python_version()}, torch {version('torch')}"


def _replaced(page: str, name: str, body: str) -> str:
    """Put a section between its two marks, in place of what stands there, or at the end."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    block = start + body + end
    if pattern.search(page):
        return pattern.sub(lambda _: block, page)
    return f"{page.rstrip()}\n\n{block}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
