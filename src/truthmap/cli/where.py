"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run", show_default=False)]
Device = Annotated[str, typer.Option(help="auto (CUDA, MPS, CPU), or a torch device")]
BatchTokens = Annotated[int, typer.Option(min=1, help="Tokens in one batch, padding included")]
