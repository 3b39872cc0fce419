"""A whole study on the device with a real model: smollm2, where its file is there."""

from __future__ import annotations

import json
import os
import subprocess  # our own command, with fixed arguments
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.gpu.laws import broken, laws_of, laws_table
from benchmarks.gpu.section import Section, table
from truthmap.files import atomic_write, file_digest
from truthmap.lm.builtin import BUILTIN
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.runs.run import Run, open_run
from truthmap.storage import cache_folder

PIECES = "TRUTHMAP_SMOLLM2"
"""Names a folder with the model's file in pieces, `smollm2.part*`, as `split` makes them."""

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the GGUF file that the built-in model's wheel holds."""

_MOST_LINES = 12  # of what a command said last


class NotThereError(Exception):
    """The model's file is not there; the message says where it was looked for."""


def model_file(pieces: Path | None) -> Path:
    """Return the built-in model's file in the user's cache, put together from pieces if need be.

    Args:
        pieces: A folder with the file in pieces, `smollm2.part*` in the order of their names.

    Raises:
        NotThereError: it is neither in the cache nor in pieces, or the pieces are not those of the pinned file.
    """
    file = cache_folder() / "builtin" / Path(BUILTIN["smollm2"].member).name
    if file.is_file():
        return file
    found = sorted(pieces.glob("smollm2.part*")) if pieces is not None else []
    if not found:
        raise NotThereError(f"there is neither {file} nor a folder named by {PIECES} with its pieces, smollm2.part*")
    with atomic_write(file) as beside:
        with beside.open("wb") as whole:
            for piece in found:
                whole.write(piece.read_bytes())
        digest = file_digest(beside)
        if digest != SHA256:
            raise NotThereError(f"the {len(found)} pieces in {pieces} make a file of SHA-256 {digest}, not {SHA256}")
    return file


def run_smollm2(device: torch.device, questions: int) -> Section:
    """Try the laws on the real model, and run a study of some questions of `cities` from the command line.

    Raises:
        NotThereError: the model's file is not there.
    """
    named = os.environ.get(PIECES)
    model_file(Path(named) if named else None)
    asked = load_questions("cities", QuestionSettings(limit=questions))
    dtypes = (torch.float32, torch.bfloat16)
    checks = {}
    for dtype in dtypes:
        lm = load_model("smollm2", LoadSettings(device=str(device), dtype=str(dtype).removeprefix("torch.")))
        checks[dtype] = laws_of(lm, asked)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = ["run", "--model", "smollm2", "--questions", "cities", "--limit", str(questions)]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "truthmap", *command, "--device", str(device), "--out", str(out)],
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        said = (done.stdout + done.stderr).splitlines()[-_MOST_LINES:]
        lines = [f"`truthmap {' '.join(command)}`: {seconds:.0f} s, start and imports included.", ""]
        faults = [f"smollm2, {fault}" for dtype, each in checks.items() for fault in broken(str(dtype), each)]
        if done.returncode:
            lines += ["```", *said, "```"]
            faults.append(f"`truthmap run` ended with exit code {done.returncode}")
        else:
            lines += _found(open_run(out))
    return Section("smollm2, from question to report", [*lines, "", *laws_table(checks)], faults)


def _found(run: Run) -> list[str]:
    """Say what a run found, and how long its stages took."""
    summary = run.summary
    stages = json.loads((run.path / "stages.json").read_text(encoding="utf-8"))
    rows = [(name, f"{entry['seconds']:.1f}") for name, entry in stages.items()]
    best = f"layer {summary.layer}, {summary.position}"
    found = (
        f"{summary.right} right, {summary.wrong} wrong, {summary.unscored} unscored; best cell {best}: AUC "
        f"{summary.validation} where it was chosen, {summary.test} on the test part; "
        f"{summary.converged:.0%} of the probes converged."
    )
    return [*table(("stage", "seconds"), rows), "", found]
