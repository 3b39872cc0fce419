"""A detector for the benchmarks: from the demo's run where there is one, else from a small run made for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from truthmap import Study, TruthmapError, load_detector, open_run
from truthmap.detector.detector import Detector
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.seal import seal_detector

_DEMO = Path(__file__).parent.parent / "runs" / "demo"


def demo_detector() -> Detector:
    """Seal a detector in a folder that is removed again, and load it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        try:
            seal_detector(open_run(_DEMO), path / "detector")
        except TruthmapError:  # there is none, or another version made it
            seal_detector(run_study(Study(model="smollm2", out=path / "run", limit=300)), path / "detector")
        return load_detector(path / "detector")
