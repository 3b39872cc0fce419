"""Who does the shards of a stage: this machine, or the workers of a Ray cluster."""

from __future__ import annotations

from truthmap.pipeline.executors.here import ThisMachine
from truthmap.pipeline.executors.jobs import Executor, Job, Tally

__all__ = ["Executor", "Job", "Tally", "ThisMachine"]
