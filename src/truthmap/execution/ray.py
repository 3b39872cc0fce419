"""Jobs done by the workers of a Ray cluster, each with a model of its own.

Workers are Ray actors, one shard under way in each. Ray Data was weighed and left: it moves blocks of rows and repeats
failed ones by itself, while a run must know which shard is finished (to resume), which failed and how often (to name
it), and must let states go from the worker to the store without passing through anybody.
"""

from __future__ import annotations

import atexit
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic

from truthmap.errors import ModelError, PartialError, TruthmapError, UsageError
from truthmap.execution.executor import Context, Do, Done, Item, Job, Result, Tally
from truthmap.execution.interrupts import Stop
from truthmap.execution.ray_head import HeadWatch
from truthmap.study.sections import ResourcesSection
from truthmap.terminal.output import flush
from truthmap.terminal.progress import Progress

TRIES = 3
"""How often a shard is tried before it is given up."""

_IN_ITS_MAKING = "error raised in its creation task"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PARTIAL = 3  # the command's exit code where a part of the work failed
_LOOK = 1.0  # seconds between looks at a wish to stop


class Worker(Generic[Context]):
    """What lives in a worker: what its jobs are done with, made there from a factory that travelled."""

    def __init__(self, make_context: Callable[[], Context]) -> None:
        self._context = make_context()

    def identity(self) -> dict[str, str]:
        """Load the model and say which it is."""
        return self._context.identity()

    def do(self, do: Do[Context, Any, Any], item: Any) -> Any:
        """Do one job."""
        return do(self._context, item, lambda _done: None)


@dataclass(frozen=True)
class _Failed:
    """A shard that was given up."""

    job: Job[Any]
    error: str

    def __str__(self) -> str:
        ids = f"{self.job.ids[0]} … {self.job.ids[-1]} ({len(self.job.ids)})" if self.job.ids else "a layer"
        return f"shard {self.job.number}, questions {ids}: {self.error}"


@dataclass(frozen=True)
class _Newcomer:
    """A worker that is loading its model, and how often it was tried to start one in its place."""

    worker: Any
    tries: int


class RayCluster(Generic[Context]):
    """Hands jobs to the workers of a Ray cluster.

    Args:
        make_context: Called in each worker to make what its jobs are done with; can be pickled.
        resources: Which cluster, how many workers, and what each of them gets.
        progress: Told of workers that are lost.
        stop: A wish to stop.
    """

    def __init__(
        self, make_context: Callable[[], Context], resources: ResourcesSection, progress: Progress, stop: Stop
    ) -> None:
        self._make_context, self._resources, self._progress, self._stop = make_context, resources, progress, stop
        self._ray = _ray()
        self._connected_here = False
        self._identity: dict[str, str] | None = None
        self._idle: deque[Any] = deque()
        self._starting: dict[Any, _Newcomer] = {}  # by the reference to its identity
        self._head: HeadWatch | None = None

    def identity(self) -> dict[str, str]:
        """Start the workers, wait for the first model to be loaded, and say which it is."""
        self._start()
        while self._identity is None:
            self._stop.check()
            self._look_for_head()
            self._welcome(self._ray.wait([*self._starting], timeout=_LOOK)[0])
        return self._identity

    def map(self, do: Do[Context, Item, Result], jobs: Iterable[Job[Item]], tally: Tally) -> Iterator[Done[Result]]:
        """Do the jobs: a worker gets its next one when its last is finished, so nothing piles up.

        Raises:
            PartialError: shards failed three times; all others were done first.
        """
        self._start()
        waiting, again = iter(jobs), deque[Job[Item]]()
        running: dict[Any, tuple[Any, Job[Item]]] = {}
        tries: Counter[int] = Counter()
        given_up: list[_Failed] = []
        while True:
            while self._idle and self._stop.signal is None:
                job = again.popleft() if again else next(waiting, None)
                if job is None:
                    break
                worker = self._idle.popleft()
                running[worker.do.remote(do, job.item)] = (worker, job)
            if not running and (self._idle or self._stop.signal is not None):
                break
            self._look_for_head()
            ready, _ = self._ray.wait([*running, *self._starting], timeout=_LOOK)
            for reference in set(ready) & set(running):
                worker, job = running.pop(reference)
                try:
                    result = self._ray.get(reference)
                except self._ray.exceptions.RayError as error:
                    tries[job.number] += 1
                    if tries[job.number] < TRIES:
                        again.append(job)
                    else:
                        given_up.append(_Failed(job, _reason(error)))
                    self._keep_or_replace(worker, error)
                else:
                    self._idle.append(worker)
                    yield Done(job.number, result)
                    tally.whole(job.number, job.size)
            self._welcome([reference for reference in ready if reference in self._starting])
        self._stop.check()
        if given_up:
            told = "; ".join(str(failed) for failed in sorted(given_up, key=lambda failed: failed.job.number))
            raise PartialError(
                f"{len(given_up)} parts of the work (shards) failed {TRIES} times each, all others are "
                f"finished and kept: {told}. "
                "Start the same command again to try just these"
            )

    def close(self) -> None:
        """Let the workers go; those of a cluster without a head have nobody who could be told."""
        if self._head is not None and self._head.gone:
            return
        for worker in [*self._idle, *(newcomer.worker for newcomer in self._starting.values())]:
            self._ray.kill(worker)
        self._idle.clear()
        self._starting.clear()
        if self._connected_here:
            self._ray.shutdown()
            self._connected_here = False

    def _look_for_head(self) -> None:
        if self._head is None:
            self._head = HeadWatch(self._ray.get_runtime_context().gcs_address)
        try:
            self._head.check()
        except PartialError:
            # At the end of the process Ray would wait for the head that is gone, and crash.
            atexit.unregister(self._ray.shutdown)
            atexit.register(_end_without_ray)
            raise

    def _start(self) -> None:
        if self._idle or self._starting:
            return
        if not self._ray.is_initialized():
            self._connect()
        for _ in range(self._resources.workers or self._room()):
            self._start_one()

    def _connect(self) -> None:
        address = self._resources.cluster
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"the Ray cluster {address!r} cannot be reached ({' '.join(str(error).split())[:200]}): start one with "
                "`ray start --head`, or leave --cluster out to use this machine alone"
            ) from error
        self._connected_here = True

    def _room(self) -> int:
        """Return how many workers the cluster has room for."""
        wanted, found = self._resources, self._ray.cluster_resources()
        rooms = [int(found.get("CPU", 0) // wanted.cpus_per_worker)]
        if wanted.gpus_per_worker:
            rooms.append(int(found.get("GPU", 0) // wanted.gpus_per_worker))
        if min(rooms) < 1:
            raise UsageError(
                f"the cluster has {found.get('CPU', 0):g} CPUs and {found.get('GPU', 0):g} GPUs, not enough for one "
                f"worker with {wanted.cpus_per_worker} CPUs and {wanted.gpus_per_worker:g} GPUs"
            )
        return min(rooms)

    def _start_one(self, tries: int = 1) -> None:
        wanted = self._resources
        actor = self._ray.remote(num_cpus=wanted.cpus_per_worker, num_gpus=wanted.gpus_per_worker)(Worker)
        worker = actor.remote(self._make_context)
        self._starting[worker.identity.remote()] = _Newcomer(worker, tries)

    def _welcome(self, ready: Iterable[Any]) -> None:
        """Take in workers that have loaded their model, if it is the same as everyone's."""
        for reference in ready:
            newcomer = self._starting.pop(reference)
            try:
                identity = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                # A model that one worker cannot load, none can.
                raise ModelError(f"a worker cannot load the model: {_reason(error)}") from error
            except self._ray.exceptions.RayError as error:
                if newcomer.tries == TRIES:
                    raise ModelError(
                        f"a worker was lost {TRIES} times while it started: {_reason(error)}; see that every machine "
                        "has the same versions, and memory for the model"
                    ) from error
                self._progress.say(f"a worker was lost while it started ({_reason(error)}); starting another")
                self._start_one(newcomer.tries + 1)
                continue
            self._identity = self._identity or identity
            different = sorted(name for name, value in identity.items() if self._identity.get(name) != value)
            if different:
                raise ModelError(
                    f"the workers do not hold the same model: they differ in {', '.join(different)}; "
                    "install the same versions and the same model on every machine"
                )
            self._idle.append(newcomer.worker)

    def _keep_or_replace(self, worker: Any, error: Exception) -> None:
        """Keep a worker whose job failed; replace one that died."""
        if isinstance(error, self._ray.exceptions.RayTaskError):
            self._idle.append(worker)
            return
        self._progress.say(f"a worker was lost ({_reason(error)}); its answers are done again by another worker")
        self._ray.kill(worker)
        self._start_one()


def _end_without_ray() -> None:
    """End the process as one whose work is done in part, with nothing of Ray's left to do."""
    flush()
    os._exit(_PARTIAL)


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("--cluster needs Ray: pip install 'truthmap[ray]'") from error
    return ray


def _reason(error: Exception) -> str:
    """Return one line that says what went wrong in a worker."""
    cause = getattr(error, "cause", None) or error
    lines = _COLOUR.sub("", str(cause)).strip().splitlines() or [""]
    # What a worker raises in its making comes as the end of a long text.
    text = lines[-1] if _IN_ITS_MAKING in lines[0] else lines[0]
    return text if isinstance(cause, TruthmapError) else f"{type(cause).__name__}: {text}"[:300]
