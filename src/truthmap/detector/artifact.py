"""The sealed folder: config.json, model.safetensors, records.json; written whole, checked in full when it is read.

Nothing is unpickled and no file name comes from a file. What is read is bounded in size, checked against the digests,
the shapes and the self-test before it is used.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from truthmap.detector.config import FORMAT, DetectorConfig, HeadConfig, Role
from truthmap.detector.described import headline_of, tables_of
from truthmap.detector.heads import Head, SelfTest
from truthmap.detector.ood import GaussianOOD
from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import (
    AnyPath,
    digest_of,
    read_regular,
    reason_of,
    storage_errors,
    write_bytes,
    write_json,
    write_text,
)
from truthmap.shown import Shown, TextTable

CONFIG, TENSORS, RECORDS = FILES = "config.json", "model.safetensors", "records.json"

MAX_BYTES = {CONFIG: 64 << 20, TENSORS: 4 << 30, RECORDS: 1 << 30}
_MAX_HEADER_BYTES = 1 << 20
_TOLERANCE = 1e-6  # relative; sums of float64 products in another order differ far less


class TrainingRecord(BaseModel):
    """A training answer, as it is shown next to one whose states lie near."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = Field(max_length=100_000)
    exact_answer: str = Field(max_length=100_000)
    right: bool


_RECORDS = TypeAdapter(tuple[TrainingRecord, ...])


@dataclass(frozen=True, repr=False)
class Artifact(Shown):
    """A sealed detector as it stands on disk.

    Attributes:
        config: Its config.json.
        heads: Its readouts by role.
        records: The training answers, or none where they were left out.
    """

    config: DetectorConfig
    heads: Mapping[Role, Head]
    records: tuple[TrainingRecord, ...]

    def _line(self) -> str:
        return headline_of(self.config)

    def _tables(self) -> Sequence[TextTable]:
        return tables_of(self.config)


def save_artifact(artifact: Artifact, folder: AnyPath) -> Artifact:
    """Write the folder: the tensors first, the config that vouches for them last.

    Returns:
        The artifact with the digests in its config.

    Raises:
        RunFolderError: the folder holds something that is no detector.
        StorageError: it cannot be written.
    """
    with storage_errors(folder):
        found = [path.name for path in Path(folder).iterdir()] if folder.exists() else []
    # What a killed command left is no detector yet, and nobody else's either.
    others = {name for name in found if name not in FILES and not (name[0] == "." and name.endswith(".part"))}
    if others and CONFIG not in found:
        raise RunFolderError(f"{folder} is not empty and holds no detector; choose a new or empty folder with --out")
    tensors = save_tensors({name: t for head in artifact.heads.values() for name, t in _tensors(head).items()})
    records = _RECORDS.dump_json(artifact.records).decode("utf-8")
    # Until the new config stands, the folder is seen as damaged rather than as the old detector with new weights.
    write_bytes(folder / TENSORS, tensors)
    write_text(folder / RECORDS, records)
    files = {TENSORS: _digest(tensors), RECORDS: _digest(records.encode("utf-8"))}
    config = artifact.config.model_copy(update={"files": files})
    content = config.model_dump(mode="json")
    write_json(folder / CONFIG, {**content, "seal": digest_of(content)})
    return replace(artifact, config=config)


def load_artifact(folder: AnyPath) -> Artifact:
    """Read a sealed folder and check everything in it.

    Raises:
        RunFolderError: there is no detector, or one of another format.
        DamagedFileError: a file is missing, damaged, too large, or not what a detector holds.
    """
    if not (folder / CONFIG).exists():
        raise RunFolderError(f"{folder} holds no detector: it has no {CONFIG}; make one with `truthmap detector RUN`")
    config = _read_config(folder)
    content = {name: _read(folder / name) for name in (TENSORS, RECORDS)}
    for name, read in content.items():
        if _digest(read) != config.files.get(name):
            raise DamagedFileError(f"{folder / name} is damaged: its digest is not the one in {CONFIG}")
    try:
        records = _RECORDS.validate_json(content[RECORDS])
    except ValidationError as error:
        raise DamagedFileError(f"{folder / RECORDS} is damaged: {_first(error)}") from error
    tensors = _read_tensors(folder / TENSORS, content[TENSORS])
    heads = {head.role: _head(head, config, tensors, len(records), folder / TENSORS) for head in config.heads}
    if tensors:
        raise DamagedFileError(f"{folder / TENSORS} holds tensors that no detector has: {sorted(tensors)[:3]}")
    return Artifact(config, heads, records)


def _read_config(folder: AnyPath) -> DetectorConfig:
    path = folder / CONFIG
    try:
        content = json.loads(_read(path).decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: expected JSON, but {error}") from error
    if not isinstance(content, dict):
        raise DamagedFileError(
            f"{path} is no config of a detector: expected a JSON object, got {type(content).__name__}"
        )
    _require_format(folder, content.get("format"))
    seal = content.pop("seal", None)
    try:
        intact = digest_of(content) == seal
    except (ValueError, RecursionError):
        intact = False
    if not intact:
        raise DamagedFileError(f"{path} is damaged or was edited: its content does not agree with its seal")
    try:
        config = DetectorConfig.model_validate(content)
    except (ValidationError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: {_first(error)}") from error
    roles = [head.role for head in config.heads]
    if roles[0] is not Role.ANSWER or not config.heads[0].guarantees:
        raise DamagedFileError(f"{path} is damaged: its first head is not the answer head with its guarantees")
    if len(set(roles)) < len(roles) or any(c.layer >= config.model.n_layers for h in config.heads for c in h.cells):
        raise DamagedFileError(f"{path} is damaged: two heads with one role, or a layer that the model does not have")
    return config


def _require_format(folder: AnyPath, found: object) -> None:
    """Refuse a config of another format, and say what to do about it."""
    if found == FORMAT:
        return
    kind, _, number = FORMAT.rpartition(" ")
    known = re.fullmatch(rf"{kind} (\d{{1,9}})", found) if isinstance(found, str) else None
    if known is None:
        raise DamagedFileError(
            f"{folder / CONFIG} is no config of a detector: expected the format {FORMAT!r}, got {found!r}"
        )
    advice = (
        "seal it again with `truthmap detector RUN`"
        if int(known[1]) < int(number)
        else "update truthmap, or seal it again with this version: `truthmap detector RUN`"
    )
    raise RunFolderError(
        f"{folder} was sealed by another version of truthmap: expected the format {FORMAT!r}, got {found!r}; {advice}"
    )


def _read(path: AnyPath) -> bytes:
    """Read a file whole, if it is a regular file of a size that can be."""
    try:
        return read_regular(path, MAX_BYTES[path.name])
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read: {reason_of(error)}") from error


def _read_tensors(path: AnyPath, content: bytes) -> dict[str, np.ndarray[Any, Any]]:
    header = int.from_bytes(content[:8], "little")
    if len(content) < 8 or header > min(_MAX_HEADER_BYTES, len(content) - 8):
        raise DamagedFileError(f"{path} is damaged: its header claims {header} bytes")
    try:
        return dict(load_tensors(content))
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise DamagedFileError(f"{path} is damaged: {error}") from error


def _head(
    head: HeadConfig, config: DetectorConfig, tensors: dict[str, np.ndarray[Any, Any]], n_records: int, path: AnyPath
) -> Head:
    """Take a head's tensors out of the file, and check that they are what its config says."""
    cells, width, n = len(head.cells), config.model.width, head.n_fitted
    take = _TensorTaker(tensors, f"{head.role}.", path)
    variance = take("variance", np.float64, (None,))
    directions = take("directions", np.float32, (len(variance), cells * width))
    gaussian = GaussianOOD(
        mean=take("mean", np.float64, (cells * width,)),
        scale=take("scale", np.float64, (cells * width,)),
        directions=directions,
        variance=variance,
        noise=float(take("noise", np.float64, (1,))[0]),
    )
    if not len(variance) or (gaussian.scale <= 0).any() or (variance <= 0).any() or gaussian.noise < 0:
        raise DamagedFileError(f"{path} is damaged: a scale or a variance of {head.role} is not positive")
    states = take("self_test.states", np.float32, (None, cells, width))
    test = SelfTest(
        states,
        take("self_test.scores", np.float64, (len(states),)),
        take("self_test.distances", np.float64, (len(states),)),
    )
    record_index = take("record_index", np.int64, (n,))
    if n_records and (record_index.min() < 0 or record_index.max() >= n_records):
        raise DamagedFileError(f"{path} is damaged: {head.role} points at training records that are not there")
    loaded = Head(
        head,
        weight=take("weight", np.float64, (cells, width)),
        bias=float(take("bias", np.float64, (1,))[0]),
        gaussian=gaussian,
        coordinates=take("coordinates", np.float32, (n, len(variance))),
        record_index=record_index,
        self_test=test,
    )
    _require_self_test(loaded, path)
    return loaded


@dataclass(frozen=True)
class _TensorTaker:
    """Takes tensors of one head out of a file's content, each of the kind and shape that it must have."""

    tensors: dict[str, np.ndarray[Any, Any]]
    prefix: str
    path: AnyPath

    def __call__(self, name: str, kind: type[np.generic], shape: tuple[int | None, ...]) -> np.ndarray[Any, Any]:
        found = self.tensors.pop(self.prefix + name, None)
        if found is None:
            raise DamagedFileError(f"{self.path} is damaged: it has no {self.prefix}{name}")
        fits = len(found.shape) == len(shape) and all(w in (None, f) for w, f in zip(shape, found.shape, strict=True))
        if found.dtype != kind or not fits:
            wanted = tuple("any" if size is None else size for size in shape)
            raise DamagedFileError(
                f"{self.path} is damaged: {self.prefix}{name} is {found.dtype} {found.shape}, "
                f"expected {np.dtype(kind)} {wanted}"
            )
        if not np.isfinite(found).all():
            raise DamagedFileError(f"{self.path} is damaged: {self.prefix}{name} holds NaN or infinity")
        return found


def _require_self_test(head: Head, path: AnyPath) -> None:
    test = head.self_test
    pairs = ((head.score(test.states), test.scores), (head.distance(test.states), test.distances))
    if not len(test.states) or not all(np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE) for a, b in pairs):
        raise DamagedFileError(
            f"{path} fails its self-test: the stored states of {head.config.role} do not give the stored scores"
        )


def _tensors(head: Head) -> dict[str, np.ndarray[Any, Any]]:
    named = {
        "weight": head.weight,
        "bias": np.array([head.bias]),
        "mean": head.gaussian.mean,
        "scale": head.gaussian.scale,
        "directions": head.gaussian.directions,
        "variance": head.gaussian.variance,
        "noise": np.array([head.gaussian.noise]),
        "coordinates": head.coordinates,
        "record_index": head.record_index,
        "self_test.states": head.self_test.states,
        "self_test.scores": head.self_test.scores,
        "self_test.distances": head.self_test.distances,
    }
    return {f"{head.config.role}.{name}": np.ascontiguousarray(tensor) for name, tensor in named.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _first(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    fault = error.errors(include_input=False, include_url=False)[0]
    return f"{error.error_count()} faults, the first at {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
