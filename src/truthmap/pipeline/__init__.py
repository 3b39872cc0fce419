"""Settings, the stages in order, resume."""

from __future__ import annotations

from truthmap.pipeline.progress import Bars, Progress, Silence
from truthmap.pipeline.run import Run, open_run
from truthmap.pipeline.study import Study

__all__ = ["Bars", "Progress", "Run", "Silence", "Study", "open_run"]
