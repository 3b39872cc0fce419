"""The hidden states of a run's samples, at the cells that are asked for and nowhere else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from truthmap.analyses.samples.run import Samples
from truthmap.arrays import Floats
from truthmap.errors import DamagedFileError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import Job, Tally
from truthmap.execution.reopen import require_same_model
from truthmap.files import AnyPath, atomic_write, digest_of, read_regular, reason_of
from truthmap.grading.token_spans import locate_ranges
from truthmap.positions import MISSING, LocatedPositions
from truthmap.probes.grid import Cell
from truthmap.records import Answer, RowKey, Span
from truthmap.runs.file_names import SAMPLE_STATES
from truthmap.runs.stored_run import StoredRun
from truthmap.storage import MOST_WHOLE
from truthmap.store.tensor_files import tensors_metadata
from truthmap.store.torch_files import save_torch_tensors
from truthmap.study.sections import SHARD
from truthmap.terminal.progress import Advance

_IDS, _SEAL = "ids", "seal"
"""In a file's metadata: its rows, and the digest of rows and states."""


@dataclass(frozen=True)
class SamplePlace:
    """The sample of a row, and the tokens of the cell's position of the row in it."""

    answer: Answer
    tokens: Span

    @property
    def listed(self) -> list[int]:
        """The tokens as they stand in keys: the first, and where there are several, one past the last."""
        start, end = self.tokens.start, self.tokens.end
        return [start] if end == start + 1 else [start, end]


def sample_states(
    run: StoredRun, active: ActiveRun, samples: Samples, ids: Sequence[str], cell: Cell
) -> dict[RowKey, Floats]:
    """Return the state of each row of the questions `ids` at one cell: float64 (d,); rows without it are absent.

    Samples that say the same, token by token, are read once at each place. States are kept in the run folder, shard by
    shard.

    Raises:
        RunFolderError: the model is not the run's any more.
        PartialError: shards failed three times on a cluster; all others are kept.
        DamagedFileError: a stored shard cannot be read.
    """
    places = dict(_places(samples, ids, cell, drop_closing_token=active.study.states.drop_closing_token))
    first: dict[_Read, RowKey] = {}
    for i, place in places.items():
        first.setdefault(_read_at(place), i)
    unique = list(first.values())
    shards = [unique[start : start + SHARD] for start in range(0, len(unique), SHARD)]
    files = [
        active.folder / SAMPLE_STATES / f"{_key(active, cell, places, shard)[:16]}.safetensors" for shard in shards
    ]
    jobs = [
        Job(number, tuple(i.question_id for i in shard), (cell, tuple((i, places[i]) for i in shard)), len(shard))
        for number, (shard, file) in enumerate(zip(shards, files, strict=True))
        if not _is_kept(file, active)
    ]
    if jobs:
        require_same_model(run, active)
        done = len(unique) - sum(job.size for job in jobs)
        with active.progress.stage("Reading samples", len(unique), done) as advance:
            for read in active.executor.map(read_shard, jobs, Tally(advance, done)):
                _write(files[read.number], shards[read.number], read.result)
    found = {i: state for file in files for i, state in _read(file).items()}
    return {i: found[first[_read_at(place)]] for i, place in places.items()}


def read_shard(
    active: ActiveRun, shard: tuple[Cell, Sequence[tuple[RowKey, SamplePlace]]], advance: Advance
) -> torch.Tensor:
    """Read the states of one shard of rows at one cell: (n, d), in the model's dtype, in the shard's order."""
    cell, rows = shard
    answers = list({row.answer: place.answer for row, place in rows}.values())
    ranges = {row: np.array([[place.tokens.start, place.tokens.end]], np.int32) for row, place in rows}
    located = LocatedPositions.of((cell.position,), ranges)
    read = active.capture.capture(answers, located, (cell.site,), advance)
    assert read.ids == tuple(row for row, _ in rows), "the rows of an answer stand side by side"
    return read.states[cell.site][cell.layer, 0].clone()


_Read = tuple[tuple[int, ...], tuple[int, ...], Span]


def _read_at(place: SamplePlace) -> _Read:
    return place.answer.prompt_ids, place.answer.answer_ids, place.tokens


def _places(
    samples: Samples, ids: Sequence[str], cell: Cell, *, drop_closing_token: bool
) -> Iterator[tuple[RowKey, SamplePlace]]:
    for i in ids:
        for answer, grade in samples.graded(i):
            found = locate_ranges(answer, grade.span, (cell.position,), drop_closing_token=drop_closing_token)
            start, end = map(int, found[0])
            if start != MISSING:
                yield grade.key, SamplePlace(answer, Span(start, end))


def _key(active: ActiveRun, cell: Cell, places: Mapping[RowKey, SamplePlace], shard: Sequence[RowKey]) -> str:
    rows = [[*_listed(i), *places[i].listed, list(places[i].answer.answer_ids)] for i in shard]
    own = {"answers": active.keys["answers"], "blocks": active.study.states.blocks}
    return digest_of({"own": own, "cell": [str(cell.site), cell.layer, str(cell.position)], "rows": rows})


def _listed(row: RowKey) -> list[str | int]:
    """Return a row as it stands in keys and files: question id, sample, and the claim after the first."""
    return [row.question_id, row.sample, *([row.claim] if row.claim else [])]


def _write(path: AnyPath, ids: Sequence[RowKey], states: torch.Tensor) -> None:
    listed, kept = json.dumps([*map(_listed, ids)]), states.contiguous()
    with atomic_write(path) as temp_path:
        save_torch_tensors(temp_path, {"states": kept}, {_IDS: listed, _SEAL: _seal_of(listed, kept)})


def _is_kept(path: AnyPath, active: ActiveRun) -> bool:
    if not path.exists():
        return False
    try:
        _read(path)
    except DamagedFileError as error:
        active.progress.say(f"{error}; reading its samples again")
        return False
    return True


def _read(path: AnyPath) -> dict[RowKey, Floats]:
    try:
        content = read_regular(path, MOST_WHOLE)
        found, states = tensors_metadata(content), load_tensors(content)["states"]
        if found[_SEAL] != _seal_of(found[_IDS], states):
            raise ValueError("it does not hold what was written")
        ids = [RowKey.of(str(i), *map(int, numbers)) for i, *numbers in json.loads(found[_IDS])]
        return dict(zip(ids, states.double().numpy(), strict=True))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise DamagedFileError(f"{path} is damaged ({reason_of(error)})") from error


def _seal_of(ids: str, states: torch.Tensor) -> str:
    digest = hashlib.sha256(f"{ids} {states.dtype} {tuple(states.shape)} ".encode())
    digest.update(states.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
