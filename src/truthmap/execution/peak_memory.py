"""How much memory a stretch of work took at its most."""

from __future__ import annotations

import sys
from pathlib import Path

_PROCESS = Path("/proc/self")
_FORGET_PEAK = "5"  # proc(5): resets the peak resident set size to the present one


def forget_peak() -> None:
    """Start a new stretch, where the system can (Linux); elsewhere the peak is that of the process so far."""
    try:
        (_PROCESS / "clear_refs").write_text(_FORGET_PEAK, encoding="ascii")
    except OSError:
        return


def peak_bytes() -> int | None:
    """Return the most resident memory since `forget_peak`, in bytes; `None` where the system does not tell."""
    try:
        for line in (_PROCESS / "status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
