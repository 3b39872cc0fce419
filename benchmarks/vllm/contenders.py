"""Ways to answer the same prompts, each in a vLLM of its own: started, asked for a round at a time, and ended."""

from __future__ import annotations

import json
import os
import subprocess  # this Python, with fixed arguments
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from truthmap.answers.engines.vllm import VllmSettings
from truthmap.answers.engines.vllm_engine import VllmEngine
from truthmap.answers.engines.vllm_launch import VllmLaunch
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.detector.detector import Detector
from truthmap.lm.load import model_source
from truthmap.lm.model import LanguageModel
from truthmap.records import Question, Site
from truthmap.server.batcher import JobEvent, ScoringJob
from truthmap.server.engines import serving_engine
from truthmap.server.serve_settings import ServeSettings
from truthmap.server.telemetry import Telemetry

NEW_TOKENS = 24
SETTINGS = GenerateSettings(max_new_tokens=NEW_TOKENS)


@dataclass(frozen=True)
class Took:
    """What a round took: seconds on the clock, and of processors in all its processes."""

    seconds: float
    processor: float

    def better(self, other: Took) -> Took:
        """Return the less of both, each by itself: whatever else runs on the machine only adds."""
        return Took(min(self.seconds, other.seconds), min(self.processor, other.processor))


class Contender(Protocol):
    """A way to answer."""

    def round(self) -> Took:
        """Answer all prompts."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Script:
    """vLLM by itself, as `extract.py` runs it; with `n_layers` it writes their states to files."""

    def __init__(self, prompts: Sequence[Prompt], stop_ids: Sequence[int], n_layers: int) -> None:
        script = Path(__file__).with_name("extract.py")
        self._folder = tempfile.TemporaryDirectory()
        path = os.pathsep.join([str(script.parent), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(  # no part of it comes from outside
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        asked = {"model": model_source("smollm2"), "new_tokens": NEW_TOKENS, "layers": n_layers}
        asked |= {"prompts": [p.prompt_ids for p in prompts], "stop_ids": stop_ids, "folder": self._folder.name}
        self._ask(json.dumps(asked))

    def round(self) -> Took:
        """Let it answer once."""
        return Took(*map(float, self._ask("again").split()))

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()
        self._folder.cleanup()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        for told in self._process.stdout:
            if told.startswith("= "):
                return told[2:].strip()
        raise RuntimeError("vLLM has ended")


class Kept:
    """vLLM as the engine of a run; `use` is what is done with it in a round."""

    def __init__(
        self, lm: LanguageModel, prompts: Sequence[Prompt], sites: tuple[Site, ...], use: Callable[[VllmEngine], object]
    ) -> None:
        longest = max(len(p.prompt_ids) for p in prompts) + NEW_TOKENS
        source = model_source("smollm2")
        launch = VllmLaunch(source, None, "float32", trust_remote_code=False, longest=longest, sites=sites)
        self.engine, self._use = VllmEngine(lm, launch), use

    def round(self) -> Took:
        """Do it once."""
        return _timed(lambda: self._use(self.engine))

    def close(self) -> None:
        """End vLLM."""
        self.engine.close()


class Served:
    """A detector served on vLLM, from the first request to the last verdict, without HTTP."""

    def __init__(self, detector: Detector, questions: Sequence[Question]) -> None:
        longest = max(len(detector.prompt_ids(q)) for q in questions)
        settings = ServeSettings(max_batch=256, max_prompt_tokens=longest, max_tokens=NEW_TOKENS)
        prepared = serving_engine("vllm").prepare(detector, settings, VllmSettings())
        self._detector, self._questions = prepared.detector, questions
        self._runner = prepared.start(settings)(prepared.detector, settings, Telemetry())

    def round(self) -> Took:
        """Ask everything at once, and wait for all verdicts."""
        return _timed(self._ask_all)

    def _ask_all(self) -> None:
        done, verdicts = threading.Semaphore(0), []

        def send(event: JobEvent) -> None:
            if isinstance(event, Exception):
                raise event
            if event is None:
                done.release()
            elif getattr(event, "last", False):
                verdicts.append(event)

        for question in self._questions:
            self._runner.submit(ScoringJob(self._detector.stream_scorer(question, SETTINGS), send))
        for _ in self._questions:
            done.acquire()
        assert len(verdicts) == len(self._questions)

    def close(self) -> None:
        """End it."""
        self._runner.stop()


def _timed(do: Callable[[], object]) -> Took:
    """Return what it takes; processes that wait take nothing."""
    started, before = time.perf_counter(), _processor_seconds()
    do()
    return Took(time.perf_counter() - started, _processor_seconds() - before)


def _processor_seconds() -> float:
    """Return what this process and its children have taken so far."""
    children = " ".join(each.read_text() for each in Path("/proc/self/task").glob("*/children")).split()
    total = 0
    for pid in ("self", *children):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])  # in user code, and in the kernel
    return total / os.sysconf("SC_CLK_TCK")
