"""Runs in processes of their own, which can be killed: started from a server that has everything imported already."""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, takewhile
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import fsspec
import pytest
from tests import buckets  # noqa: F401 (known to every process)

from truthmap.errors import TruthmapError
from truthmap.files import file_digest
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.study.study import Study
from truthmap.terminal.progress import Advance, Silence

SHARD = 32
BEAT, STALE = 0.2, 3.0
Reference = tuple[dict[str, str], float]
"""What a run finds (see `numbers`), and the seconds it takes."""
_SERVER = mp.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "tests.killing",
        "transformers.models.llama.modeling_llama",
        "truthmap.pipeline.stages.grid",
        "truthmap.figures.heatmap",
    ]
)


@dataclass(frozen=True)
class Death:
    """Kill yourself right before or after the `at`-th renaming of a finished file."""

    at: int
    when: Literal["before", "after"]


@dataclass
class Seen(Silence):
    """What a run showed: for each stage how much was done when it began, and its news."""

    begun: dict[str, int] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Iterator[Advance]:
        self.begun[name] = done
        yield lambda _done: None

    def say(self, text: str) -> None:
        self.news.append(text)


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: the signal that killed it), and what the run showed or raised."""

    code: int
    seen: Seen | None
    fault: str | None


@dataclass(frozen=True)
class Machine:
    """What a process takes over from this one: truthmap's cache folder, if it is named, and how stores are reached."""

    cache: str | None
    stores: dict[str, Any]


@dataclass
class RunProcess:
    """A study being run in a process of its own."""

    process: BaseProcess
    news: Connection

    def wait_until_begun(self) -> None:
        """Wait until the imports are behind it."""
        assert self.news.recv() == "begun"

    def ended(self) -> Ended:
        """Wait for its end."""
        told: tuple[Seen | None, str | None] = (None, None)
        with suppress(EOFError):  # a killed process tells nothing
            told = self.news.recv()
        self.process.join(120)
        assert self.process.exitcode is not None, "a run hangs"
        return Ended(self.process.exitcode, *told)


def _run(study: Study, seen: Seen) -> None:
    run_study(study, progress=seen)


Act = Callable[[Study, Seen], object]
"""What a process does; a function of a module, for it travels there by its name."""


def start(study: Study, questions: QuestionSet, death: Death | None = None, act: Act = _run) -> RunProcess:
    """Start a run of a study, or something else that is done with it, in a process of its own."""
    here, there = _SERVER.Pipe(duplex=False)
    machine = Machine(os.environ.get("TRUTHMAP_CACHE"), dict(fsspec.config.conf))
    process = _SERVER.Process(target=_work, args=(study, questions, death, machine, there, act), daemon=True)
    process.start()
    there.close()
    return RunProcess(process, here)


def run_to_end(study: Study, questions: QuestionSet, death: Death | None = None, act: Act = _run) -> Ended:
    """Run a study, or do something else with it, in a process of its own and wait for its end."""
    running = start(study, questions, death, act)
    running.wait_until_begun()
    return running.ended()


_SOAKED = pytest.mark.skipif(not os.environ.get("TRUTHMAP_SOAK"), reason="make soak")
TRIALS = [
    pytest.param(range(1), id="every-day"),
    pytest.param(range(1, 3), id="more", marks=[pytest.mark.slow, _SOAKED]),
]
"""The numbers of trials that a test of killing makes: one every day, more in `make soak`."""


def moments(trials: range) -> Iterator[int]:
    """Return numbers of trials; after its own as many as fit into a third of `TRUTHMAP_SOAK` seconds."""
    ends = time.monotonic() + float(os.environ.get("TRUTHMAP_SOAK", "0")) / 3
    yield from trials
    if trials.start:
        yield from takewhile(lambda _trial: time.monotonic() < ends, count(trials.stop))


def numbers(folder: Path) -> dict[str, str]:
    """Return the digests of everything that a run found."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".parquet", ".safetensors", ".svg"})
    return {str(path.relative_to(folder)): file_digest(path) for path in [*files, folder / "summary.json"]}


def finished_work(folder: Path) -> dict[str, Any]:
    """Return what is finished in a run folder: the ledger's entries, and how many answers are kept."""
    ledger = folder / "stages.json"
    parts = [path for path in (folder / "parts").rglob("*.parquet") if not path.name.startswith(".")]
    return {"ledger": json.loads(ledger.read_text()) if ledger.exists() else {}, "answers": len(parts) * SHARD}


def _work(
    study: Study, questions: QuestionSet, death: Death | None, machine: Machine, news: Connection, act: Act
) -> None:
    import torch

    from truthmap.execution import estimate
    from truthmap.runs import lease
    from truthmap.study import stage_settings

    os.environ["HF_HUB_OFFLINE"] = "1"
    if machine.cache is not None:
        os.environ["TRUTHMAP_CACHE"] = machine.cache
    fsspec.config.conf.update(machine.stores)
    torch.set_num_threads(1)
    stage_settings.load_questions = lambda name, settings: questions
    lease.BEAT, lease.STALE, lease.SETTLE = BEAT, STALE, 0.1
    estimate.require_room = lambda folder, needed: None  # somebody else may fill the disk after that look
    if death is not None:
        _die_at(death)
    news.send("begun")
    seen, fault, code = Seen(), None, 0
    try:
        act(study, seen)
    except TruthmapError as error:
        fault, code = f"{type(error).__name__}: {error}", 2
    except KeyboardInterrupt as stopped:
        fault, code = str(stopped), 128 + getattr(stopped, "signal", 0)
    news.send((seen, fault))
    news.close()
    raise SystemExit(code)


def _die_at(death: Death) -> None:
    replace, count = os.replace, 0

    def dying(*paths: Any, **options: Any) -> None:
        nonlocal count
        count += 1
        if count == death.at and death.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*paths, **options)
        if count == death.at:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = dying
