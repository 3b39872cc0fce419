"""MLflow: a run of the experiment MLFLOW_EXPERIMENT_NAME, or `truthmap`, kept where MLFLOW_TRACKING_URI says."""

from __future__ import annotations

import os
import re

from truthmap.pipeline.trackers.base import TrackedRun
from truthmap.text import cut

_LONGEST = 500
"""Characters of a parameter, which every version of MLflow takes."""
_AT_ONCE = 100


def track_mlflow(run: TrackedRun) -> str:
    """Tell MLflow of a run: parameters, metrics, the map and the page."""
    import mlflow

    client = mlflow.MlflowClient()
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "truthmap")
    known = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if known is None else known.experiment_id
    made = client.create_run(experiment, run_name=run.name, tags={"truthmap.run": run.address})
    run_id, status = made.info.run_id, "FAILED"
    try:
        entities = mlflow.entities
        params = [entities.Param(_name(k), cut(str(v), _LONGEST)) for k, v in run.settings.items()]
        for start in range(0, len(params), _AT_ONCE):
            client.log_batch(run_id, params=params[start : start + _AT_ONCE])
        for key, value in run.numbers.items():
            client.log_metric(run_id, _name(key), value)
        for path in (*run.figures, *([run.page] if run.page else [])):
            client.log_artifact(run_id, str(path))
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return f"{mlflow.get_tracking_uri()}, run {run_id} of experiment {name}"


def _name(key: str) -> str:
    """Return a name that MLflow takes."""
    return re.sub(r"[^\w.\-/ ]", "_", key)
