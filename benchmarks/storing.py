"""Storing and reading states: memory as answers grow tenfold, and the plan for 400 GB."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from truthmap.positions import PAPER, Position
from truthmap.probes.fit_grid import fit_grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import RowKey, Site, Split
from truthmap.store.shards import StateShard
from truthmap.store.states import StateStore

LAYERS, WIDTH, SHARD = 4, 256, 128
FEW, MANY = 1_000, 10_000
BIG = {"answers": 100_000, "layers": 32, "width": 4096, "bytes": 2}


def run() -> str:
    """Measure each kind of work in a process of its own and give the tables."""
    with tempfile.TemporaryDirectory() as folder:
        found = {
            (n, work): _measured(work, n, Path(folder) / str(n))
            for n in (FEW, MANY)
            for work in ("nothing", "write", "verify", "read_layer", "read_cell", "fit")
        }
    return f"{_memory_table(found)}\n\n{_plan(found)}"


Found = dict[tuple[int, str], dict[str, float]]


def _memory_table(found: Found) -> str:
    size = {n: n * LAYERS * len(PAPER) * WIDTH * 4 / 1e6 for n in (FEW, MANY)}
    lines = [
        f"{LAYERS} layers × {len(PAPER)} positions × {WIDTH} float32 of random numbers, {SHARD} answers a shard:",
        f"{FEW:,} answers are {size[FEW]:.0f} MB, {MANY:,} are {size[MANY]:.0f} MB. Peak memory is that over a process",
        "that has only imported everything.",
        "",
        f"| work | peak MB, {FEW:,} answers | peak MB, {MANY:,} answers | seconds, {FEW:,} | seconds, {MANY:,} |",
        "|---|---:|---:|---:|---:|",
    ]
    names = {
        "write": "write all shards",
        "verify": "read all and compare digests",
        "read_layer": "read one layer",
        "read_cell": "read one cell",
        "fit": "fit the grid of all cells",
    }
    for work, name in names.items():
        peaks = [max(0.0, found[n, work]["peak"] - found[n, "nothing"]["peak"]) for n in (FEW, MANY)]
        seconds = [found[n, work]["seconds"] for n in (FEW, MANY)]
        lines.append(f"| {name} | {peaks[0]:.0f} | {peaks[1]:.0f} | {seconds[0]:.2f} | {seconds[1]:.2f} |")
    return "\n".join(lines)


def _plan(found: Found) -> str:
    measured = MANY * LAYERS * len(PAPER) * WIDTH * 4
    cell = MANY * WIDTH * 4
    total = BIG["answers"] * BIG["layers"] * len(PAPER) * BIG["width"] * BIG["bytes"]
    big_cell = BIG["answers"] * BIG["width"] * BIG["bytes"]
    hours = {work: total / (measured / found[MANY, work]["seconds"]) / 3600 for work in ("write", "verify")}
    reading = big_cell / (cell / found[MANY, "read_cell"]["seconds"])
    shard = total / BIG["answers"] * SHARD
    fit = big_cell / 2 * (2 * 2 + 3 * 4)
    rows = {
        "disk": f"{total / 1e9:.0f} GB in {-(-BIG['answers'] // SHARD)} shards of {shard / 1e6:.0f} MB",
        "writing, besides computing the states": f"{hours['write']:.1f} h, shared by the workers",
        "`truthmap verify`": f"{hours['verify']:.1f} h",
        "reading one cell": f"{big_cell / 1e9:.1f} GB, {reading:.0f} s",
        "memory while capturing, besides the model": f"{2 * shard / 1e9:.1f} GB: a shard and the pieces it is made of",
        "memory of a probe's fit": f"{fit / 1e9:.0f} GB: a cell twice as stored, three times as float32; "
        "times the threads",
    }
    head = (
        f"The plan for {BIG['answers']:,} answers × {BIG['layers']} layers × {len(PAPER)} positions × "
        f"{BIG['width']:,} bfloat16, worked out from these rates (one process):"
    )
    return "\n".join([head, "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _measured(work: str, n: int, folder: Path) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.storing", work, str(n), str(folder)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _shards(n: int) -> Iterator[StateShard]:
    for start in range(0, n, SHARD):
        ids = tuple(RowKey(f"q{i}") for i in range(start, min(start + SHARD, n)))
        generator = torch.Generator().manual_seed(start)
        states = torch.randn((LAYERS, len(PAPER), len(ids), WIDTH), generator=generator)
        yield StateShard(ids, PAPER, np.ones((len(PAPER), len(ids)), dtype=bool), {Site.RESIDUAL: states})


def _write(n: int, folder: Path) -> None:
    store = StateStore(folder)
    for number, shard in enumerate(_shards(n)):
        store.write(number, "key", shard)


def _fit(n: int, folder: Path) -> None:
    ids = tuple(RowKey(f"q{i}") for i in range(n))
    y = np.random.default_rng(0).random(n) < 0.5
    labels = LabelledAnswers(ids, y, (Split.TRAIN,) * n, np.arange(n) % 5, ids, ids)
    fit_grid(StateStore(folder), labels, Site.RESIDUAL, GridSettings(cs=(0.01,), n_permutations=0))


def _read(work: str, folder: Path) -> None:
    store = StateStore(folder)
    if work == "verify":
        store.damaged()
    elif work == "read_layer":
        store.read_layer(Site.RESIDUAL, 1)
    else:
        store.read_cell(Site.RESIDUAL, 1, Position.of("-1"))


def _do(work: str, n: int, folder: Path) -> None:
    if work == "write":
        _write(n, folder)
    elif work == "fit":
        _fit(n, folder)
    elif work != "nothing":
        _read(work, folder)


def main() -> None:
    """Do one kind of work and print its peak memory (MB) and seconds."""
    work, n, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    begun = time.perf_counter()
    _do(work, n, folder)
    seconds = time.perf_counter() - begun
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, "seconds": seconds}))


if __name__ == "__main__":
    main()
