"""A plan for a large study, before its model is fetched: time, memory, disk and commands on some machines."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from truthmap.errors import UsageError
from truthmap.execution.costs import Room, StudyCosts, Workload
from truthmap.execution.estimate import in_bytes

_BUCKET = "s3://BUCKET/RUN"
_UNMEASURED = "vLLM was measured on no GPU: it is counted at the loaded model's rates, spread over the GPUs"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class StageTime(_Frozen):
    """A stage and its seconds."""

    stage: str
    seconds: float


class Layout(_Frozen):
    """A way to do the work.

    Attributes:
        name: What it is.
        devices: How many devices work.
        fits: Whether the model fits.
        memory: Bytes on each device, weights included.
        rows: Answers that are generated together by one worker.
        times: Seconds of each stage; none where it does not fit.
        seconds: All of them.
        note: What is to be known of the numbers, or what to do where it does not fit.
        commands: What to type.
    """

    name: str
    devices: int
    fits: bool
    memory: int
    rows: int
    times: tuple[StageTime, ...] = ()
    seconds: float = 0.0
    note: str = ""
    commands: tuple[str, ...] = ()


class Disk(_Frozen):
    """Bytes of the run folder.

    Attributes:
        states: The hidden states, if every answer can be scored.
        tables: Answers, grades, scores, figures, page.
        samples: Samples, and the state of each at one cell.
        total: All of it.
    """

    states: int
    tables: int
    samples: int
    total: int


class Plan(_Frozen):
    """What a study takes.

    Attributes:
        model: The model's name.
        parameters, active: Numbers in its weights, and those of them that one token is multiplied by.
        weights: Bytes of them as they are loaded.
        layers, positions, width: Of the map; the width is that of all sites together.
        work: What is asked.
        device: Whose rates these are.
        measured: Where they were measured.
        disk: Bytes of the run folder.
        layouts: The ways to do it.
    """

    model: str
    parameters: int
    active: int
    weights: int
    layers: int
    positions: int
    width: int
    work: Workload
    device: str
    measured: str
    disk: Disk
    layouts: tuple[Layout, ...]


class Machines(_Frozen):
    """What there is: devices in all, and in one machine; none: the work is done without a GPU."""

    devices: int = 8
    per_node: int = 8


def make_plan(costs: StudyCosts, machines: Machines, options: Sequence[str]) -> Plan:
    """Work out what a study takes on one device, on one node, and on a cluster.

    Args:
        costs: Its arithmetic.
        machines: What there is.
        options: Those of `truthmap run` that say what is studied, for the commands.

    Raises:
        UsageError: there is no room for an answer in the model's context.
    """
    model, work, rates = costs.model, costs.work, costs.rates
    if model.max_length is not None and work.prompt_tokens + work.new_tokens > model.max_length:
        raise UsageError(
            f"prompts of {work.prompt_tokens:,} tokens with room for {work.new_tokens:,} do not fit into the "
            f"{model.max_length:,} tokens that {model.name} reads; change --prompt-tokens or --max-new-tokens"
        )
    states, tables, samples = costs.states_on_disk(), costs.tables_on_disk(), costs.samples_on_disk()
    return Plan(
        model=model.name,
        parameters=model.parameters,
        active=model.active,
        weights=model.sizes.weights,
        layers=model.layers,
        positions=len(costs.kept.columns),
        width=costs.width,
        work=work,
        device=rates.name,
        measured=f"{rates.measured}; shares of it: {rates.shares.measured}",
        disk=Disk(states=states, tables=tables, samples=samples, total=states + tables + samples),
        layouts=tuple(_layouts(costs, machines, _Commands(work.samples, shlex.join(options)))),
    )


@dataclass(frozen=True)
class _Commands:
    """Writes the commands of a study: how many samples, and the options that say what is studied."""

    samples: int
    options: str

    def of(self, how: str, run: str = "RUN", again: str = "") -> tuple[str, ...]:
        """Return the commands for one way to do it: `how` goes to the run, `again` to what follows."""
        rest = f" {again}" if again else ""
        out = "" if _BUCKET in how else f" --out {run}"
        first = f"truthmap run {self.options} {how}{out}"
        if not self.samples:
            return (first,)
        return (first, f"truthmap sample {run} --k {self.samples}{rest}", f"truthmap select {run}{rest}")


def _layouts(costs: StudyCosts, machines: Machines, commands: _Commands) -> Iterator[Layout]:
    yield _one_device(costs, machines, commands)
    if machines.devices > 1:
        yield _one_node(costs, machines, commands)
        yield _cluster(costs, machines, commands)


def _one_device(costs: StudyCosts, machines: Machines, commands: _Commands) -> Layout:
    room = costs.alone()
    name, device = ("one GPU", "cuda") if machines.devices else ("this machine, no GPU", "cpu")
    if room.memory > costs.usable:
        return _too_large(name, 1, room, costs)
    times = _times(costs, room.rows, 1, on_the_way=True)
    return Layout(
        name=name,
        devices=min(1, machines.devices),
        fits=True,
        memory=room.memory,
        rows=room.rows,
        times=times,
        seconds=_total(times),
        commands=commands.of(f"--device {device}"),
    )


def _one_node(costs: StudyCosts, machines: Machines, commands: _Commands) -> Layout:
    group = costs.groups(min(machines.devices, machines.per_node))[-1]
    name, room = f"one node, tensor parallel over {group}", costs.in_vllm(group)
    if room.memory > costs.usable:
        return _too_large(name, group, room, costs)
    times = _times(costs, room.rows, group, on_the_way=False)
    return Layout(
        name=name,
        devices=group,
        fits=True,
        memory=room.memory,
        rows=room.rows,
        times=times,
        seconds=_total(times),
        note=_UNMEASURED,
        commands=commands.of(f"--engine vllm --tensor-parallel {group} --device-map auto"),
    )


def _cluster(costs: StudyCosts, machines: Machines, commands: _Commands) -> Layout:
    room, group, name = costs.alone(), 1, "Ray cluster"
    alone = room.memory <= costs.usable
    if not alone:
        found = costs.smallest_group(min(machines.devices, machines.per_node))
        if found is None:
            return _too_large(name, machines.devices, room, costs)
        room, group = costs.in_vllm(found), found
    workers = machines.devices // group
    one = _times(costs, room.rows, group, on_the_way=alone)
    times = tuple(StageTime(stage=each.stage, seconds=each.seconds / workers) for each in one)
    cluster = f"--cluster auto --gpus-per-worker {group}"
    vllm = "" if alone else f"--engine vllm --tensor-parallel {group} --device-map auto "
    several = workers * group > machines.per_node
    begin = ("ray start --head", *(("ray start --address=HEAD:6379  # on every other node",) if several else ()))
    note = f"{workers} workers of {group} GPU{'s' if group > 1 else ''}; no cluster of GPUs was measured"
    return Layout(
        name=name,
        devices=workers * group,
        fits=True,
        memory=room.memory,
        rows=room.rows,
        times=times,
        seconds=_total(times),
        note=note if alone else f"{note}; {_UNMEASURED}",
        commands=(*begin, *commands.of(f"{vllm}{cluster} --workers {workers} --out {_BUCKET}", _BUCKET, cluster)),
    )


def _times(costs: StudyCosts, rows: int, devices: int, *, on_the_way: bool) -> tuple[StageTime, ...]:
    work = costs.work
    found = {"answers, states on the way" if on_the_way else "answers": costs.answering(work.questions, rows, devices)}
    if not on_the_way:
        found["states, in a second pass"] = costs.reading(work.questions)
    found["probes"] = costs.probing()
    if drawn := work.questions * work.samples:
        found["samples"] = costs.answering(drawn, rows, devices)
        found["states of the samples"] = costs.reading(drawn)
    return tuple(StageTime(stage=stage, seconds=seconds) for stage, seconds in found.items())


def _total(times: Sequence[StageTime]) -> float:
    return sum(each.seconds for each in times)


def _too_large(name: str, devices: int, room: Room, costs: StudyCosts) -> Layout:
    least = math.ceil(costs.model.sizes.weights / costs.usable)
    note = (
        f"does not fit: {in_bytes(room.memory)} on a device of {in_bytes(costs.rates.memory)}; the weights alone take "
        f"{in_bytes(costs.model.sizes.weights)}, {least} of these devices or more: more --gpus, or --quantization"
    )
    return Layout(name=name, devices=devices, fits=False, memory=room.memory, rows=room.rows, note=note)
