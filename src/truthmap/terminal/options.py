"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from truthmap.errors import UsageError
from truthmap.terminal import completion

FINISHED = "Folder of a finished run, or its URL (s3://…)"
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help=FINISHED, show_default=False, autocompletion=completion.runs)
]
DetectorArgument = Annotated[
    str,
    typer.Argument(
        metavar="DETECTOR",
        help="The detector's folder, URL (s3://…) or name on the hub (owner/name@revision)",
        autocompletion=completion.detectors,
    ),
]
Device = Annotated[str, typer.Option(help="auto (CUDA, MPS, CPU), or a torch device")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the Python code that came with the run's model")
]
BatchTokens = Annotated[int, typer.Option(min=1, help="Tokens in one batch, padding included")]


def local(path: Path | None) -> Path | None:
    """Return a path as it is; a URL, of which a path would make a strange folder, is refused."""
    if path is not None and re.match(r"[A-Za-z][A-Za-z0-9+.-]{1,40}:/", path.as_posix()):
        raise UsageError(f"{path} must be on this machine: only the run folder can be at a URL")
    return path


def path_in_run(run: str, name: str) -> str:
    """Name a file or folder of a run."""
    return f"{run.rstrip('/')}/{name}"
