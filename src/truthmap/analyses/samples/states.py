"""The hidden states of a run's samples, at the cells that are asked for and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from truthmap.analyses.samples.run import Samples
from truthmap.arrays import Floats
from truthmap.capture.second_pass import StateCapture
from truthmap.errors import DamagedFileError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import Job, Tally
from truthmap.execution.reopen import require_same_model
from truthmap.files import AnyPath, atomic_write, digest_of, reason_of, storage_errors
from truthmap.grading.token_spans import locate_positions
from truthmap.positions import MISSING, LocatedPositions
from truthmap.probes.grid import Cell
from truthmap.records import Answer
from truthmap.runs.file_names import SAMPLE_STATES
from truthmap.runs.run import Run
from truthmap.study.sections import SHARD
from truthmap.study.stage_settings import capture_settings
from truthmap.terminal.progress import Advance

SampleId = tuple[str, int]
"""Question id and sample number."""


@dataclass(frozen=True)
class SamplePlace:
    """A sample, and where the cell's position is in it."""

    answer: Answer
    index: int


def sample_states(
    run: Run, active: ActiveRun, samples: Samples, ids: Sequence[str], cell: Cell
) -> dict[SampleId, Floats]:
    """Return the state of each sample of the questions `ids` at one cell: float64 (d,); samples without it are absent.

    Samples that say the same, token by token, are read once. States are kept in the run folder, shard by shard.

    Raises:
        RunFolderError: the model is not the run's any more.
        PartialError: shards failed three times on a cluster; all others are kept.
        DamagedFileError: a stored shard cannot be read.
    """
    places = dict(_places(samples, ids, cell))
    first: dict[tuple[tuple[int, ...], tuple[int, ...]], SampleId] = {}
    for i, place in places.items():
        first.setdefault(_tokens(place.answer), i)
    unique = list(first.values())
    shards = [unique[start : start + SHARD] for start in range(0, len(unique), SHARD)]
    files = [
        active.folder / SAMPLE_STATES / f"{_key(active, cell, places, shard)[:16]}.safetensors" for shard in shards
    ]
    jobs = [
        Job(number, tuple(i for i, _ in shard), (cell, tuple((i, places[i]) for i in shard)), len(shard))
        for number, (shard, file) in enumerate(zip(shards, files, strict=True))
        if not file.exists()
    ]
    if jobs:
        require_same_model(run, active)
        done = len(unique) - sum(job.size for job in jobs)
        with active.progress.stage("Reading samples", len(unique), done) as advance:
            for read in active.executor.map(read_shard, jobs, Tally(advance, done)):
                _write(files[read.number], shards[read.number], read.result)
    found = {i: state for file in files for i, state in _read(file)}
    return {i: found[first[_tokens(place.answer)]] for i, place in places.items()}


def read_shard(
    active: ActiveRun, shard: tuple[Cell, Sequence[tuple[SampleId, SamplePlace]]], advance: Advance
) -> torch.Tensor:
    """Read the states of one shard of samples at one cell: (n, d), in the model's dtype, in the shard's order."""
    cell, samples = shard
    answers = [replace(place.answer, question_id=json.dumps(i)) for i, place in samples]
    index = {a.question_id: np.array([place.index], np.int32) for a, (_, place) in zip(answers, samples, strict=True)}
    located = LocatedPositions((cell.position,), index)
    capture = StateCapture(active.model, capture_settings(active.study), active.prefixes)
    read = capture.capture(answers, located, (cell.site,), advance)
    return read.states[cell.site][cell.layer, 0].clone()


def _tokens(answer: Answer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return answer.prompt_ids, answer.answer_ids


def _places(samples: Samples, ids: Sequence[str], cell: Cell) -> Iterator[tuple[SampleId, SamplePlace]]:
    for i in ids:
        for answer, grade in zip(samples.answers[i], samples.grades[i], strict=True):
            index = int(locate_positions(answer, grade.span, (cell.position,))[0])
            if index != MISSING:
                yield (i, answer.sample), SamplePlace(answer, index)


def _key(active: ActiveRun, cell: Cell, places: Mapping[SampleId, SamplePlace], shard: Sequence[SampleId]) -> str:
    rows = [[*i, places[i].index, list(places[i].answer.answer_ids)] for i in shard]
    own = {"answers": active.keys["answers"], "blocks": active.study.states.blocks}
    return digest_of({"own": own, "cell": [str(cell.site), cell.layer, str(cell.position)], "rows": rows})


def _write(path: AnyPath, ids: Sequence[SampleId], states: torch.Tensor) -> None:
    with atomic_write(path) as temp_path, storage_errors(Path(path)):
        save_file({"states": states.contiguous()}, temp_path, metadata={"ids": json.dumps(ids)})


def _read(path: AnyPath) -> Iterator[tuple[SampleId, Floats]]:
    try:
        with safe_open(Path(path), framework="pt") as file:
            ids = json.loads(file.metadata()["ids"])
            states = file.get_tensor("states").double().numpy()
        yield from (((str(i), int(sample)), state) for (i, sample), state in zip(ids, states, strict=True))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({reason_of(error)}); delete it to have it made again") from error
