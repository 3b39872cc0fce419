"""Look the pinned dependencies up among known faults, with pip-audit: `python scripts/audit.py`.

A known fault is exit code 1. Where nobody can be asked (no network, a package index without that service), the check
says so and passes: whether this code is right does not depend on who can be reached. What is given on the command line
goes to pip-audit, such as `--ignore-vuln ID` for a fault that was looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PINNED = Path(__file__).parent.parent / "constraints.txt"
LIMIT = 60  # seconds


def main(more: Sequence[str]) -> int:
    """Audit, print what was found, and give the exit code."""
    words = [
        "--disable-pip",
        "--no-deps",
        "--requirement",
        str(PINNED),
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    command = [sys.executable, "-m", "pip_audit", *words, *more]
    try:
        ran = subprocess.run(  # noqa: S603 (a developer starts this with words of their own)
            command, check=False, capture_output=True, text=True, timeout=LIMIT
        )
        found = json.loads(ran.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return _not_audited(f"no answer within {LIMIT} s")
    except (ValueError, KeyError, TypeError):
        return _not_audited((ran.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
    return _judge(found)


def _judge(found: Sequence[dict[str, Any]]) -> int:
    looked_up = [one for one in found if "skip_reason" not in one]
    if not looked_up:
        return _not_audited("the service knows none of the dependencies")
    faulty = [one for one in looked_up if one["vulns"]]
    for one in faulty:
        for fault in one["vulns"]:
            mended = ", ".join(fault["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{one['name']} {one['version']}: {fault['id']}, mended in {mended}\n")
    skipped = f"; {len(found) - len(looked_up)} could not be looked up" if len(looked_up) < len(found) else ""
    sys.stdout.write(f"{len(faulty)} of {len(looked_up)} pinned dependencies have known faults{skipped}\n")
    return 1 if faulty else 0


def _not_audited(why: str) -> int:
    sys.stdout.write(f"the dependencies were NOT audited: {why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
