"""Weights & Biases: a run of the project WANDB_PROJECT, or `truthmap`; WANDB_MODE=offline keeps it on this machine."""

from __future__ import annotations

import os

from truthmap.pipeline.trackers.base import TrackedRun


def track_wandb(run: TrackedRun) -> str:
    """Tell Weights & Biases of a run: config, summary, the map and the page."""
    import wandb

    project = os.environ.get("WANDB_PROJECT", "truthmap")
    with wandb.init(
        project=project, name=run.name, job_type="map", config={**run.settings, "truthmap.run": run.address}
    ) as made:
        made.summary.update(dict(run.numbers))
        made.log({path.stem: wandb.Image(str(path)) for path in run.figures})
        if run.page is not None:
            page = wandb.Artifact(f"page-{made.id}", type="report")
            page.add_file(str(run.page))
            made.log_artifact(page)
        seen = made.url or made.dir
    return str(seen)
