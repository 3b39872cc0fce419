"""TensorBoard: event files in TENSORBOARD_LOGDIR, or `tensorboard/`, a folder for each run."""

from __future__ import annotations

import os
from pathlib import Path

from truthmap.pipeline.trackers.base import TrackedRun
from truthmap.text import sanitize


def track_tensorboard(run: TrackedRun) -> str:
    """Write event files of a run: settings and the page's address as text, numbers as scalars, the map as an image."""
    from matplotlib.image import imread
    from torch.utils.tensorboard import SummaryWriter

    folder = Path(os.environ.get("TENSORBOARD_LOGDIR", "tensorboard")) / run.name
    with SummaryWriter(str(folder)) as writer:
        rows = [f"| {_cell(name)} | {_cell(str(value))} |" for name, value in run.settings.items()]
        writer.add_text("settings", "\n".join(["| setting | value |", "|---|---|", *rows]))
        if run.page is not None:
            writer.add_text("page", _cell(f"{run.address}/{run.page.name}"))
        for name, value in run.numbers.items():
            writer.add_scalar(name, value)
        for path in run.figures:
            writer.add_image(path.stem, imread(path)[..., :3], dataformats="HWC")
    return str(folder)


def _cell(text: str) -> str:
    return sanitize(" ".join(text.split())).replace("|", "\\|")
