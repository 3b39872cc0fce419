"""Measure everything on one device, and write the page after each part.

Exit code 0: every law holds; 1: one is broken, or a part failed; 2: there is no GPU, and none was to be done without.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.gpu.card import free_memory, measure_card, name_of
from benchmarks.gpu.crowded import run_out_of_memory
from benchmarks.gpu.generating import measure_generating
from benchmarks.gpu.grid import measure_grid
from benchmarks.gpu.laws import try_laws
from benchmarks.gpu.page import CEILINGS, NOT_RUN, PAGE, PARTS, ceilings_section, write_part
from benchmarks.gpu.section import Section
from benchmarks.gpu.size import FULL, SMALL
from benchmarks.gpu.smollm2 import NotThereError, run_smollm2


def main(arguments: Sequence[str]) -> int:
    """Run the parts in turn; give the exit code."""
    given = _parser().parse_args(arguments)
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("there is no CUDA device here; try it out with: --small --device cpu", file=sys.stderr)
        return 2
    size, device = SMALL if given.small else FULL, torch.device(given.device)
    command = f"python -m benchmarks.gpu{' --small' if given.small else ''} --device {given.device}"
    started = time.perf_counter()
    print(f"{name_of(device)}: its ceilings …", flush=True)
    card = measure_card(device, size.matrix, size.copied)
    parts: dict[str, Callable[[], Section]] = {
        "laws": lambda: try_laws(device, size.small),
        "memory": lambda: run_out_of_memory(device, size.crowded, size.crowd),
        "generating": lambda: measure_generating(card, size),
        "grid": lambda: measure_grid(device, size.grid),
        "smollm2": lambda: run_smollm2(device, size.questions),
    }
    sections = {CEILINGS: ceilings_section(card)}
    write_part(given.page, CEILINGS, sections[CEILINGS], card, command)
    for name in (part for part in PARTS if part in given.parts):
        passed = time.perf_counter() - started
        if passed > 60 * given.minutes:
            sections[name] = Section(name, [f"{NOT_RUN}: the {given.minutes:g} minutes were over."])
        else:
            print(f"{passed:.0f} s: {name} …", flush=True)
            sections[name] = _tried(name, parts[name])
            free_memory(device)
        print("\n".join(sections[name].body), flush=True)
        write_part(given.page, name, sections[name], card, command)
    faults = [fault for section in sections.values() for fault in section.faults]
    print(f"{time.perf_counter() - started:.0f} s in all; {given.page}", *faults, sep="\n", flush=True)
    return int(bool(faults))


def _tried(name: str, part: Callable[[], Section]) -> Section:
    """Run a part; one that fails is told on the page, and the others go on."""
    try:
        return part()
    except NotThereError as error:
        return Section(name, [f"{NOT_RUN}: {error}."])
    except Exception as error:  # noqa: BLE001 (whatever a device, a driver or a library says)
        traceback.print_exc()
        return Section(
            name, [f"{NOT_RUN} to its end."], [f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"]
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--small", action="store_true", help="about a hundredth of the size")
    parser.add_argument("--device", default="cuda", help="a torch device")
    parser.add_argument("--minutes", type=float, default=7.0, help="no part starts later")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure; default: all")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
