"""Safetensors files: written with one kind of fault, and their metadata read without opening a path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import save_file

from truthmap.arrays import AnyArray

_LENGTH = 8


def save_tensors(path: Path, tensors: Mapping[str, AnyArray], metadata: Mapping[str, str]) -> None:
    """Write numpy's arrays; `save_torch_tensors` writes torch's tensors.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    with writing():
        save_file(dict(tensors), path, metadata=dict(metadata))


@contextmanager
def writing() -> Iterator[None]:
    """Turn what safetensors raises while it writes into an `OSError`."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(str(error)) from error


def tensors_metadata(content: bytes) -> Mapping[str, str]:
    """Return the metadata of a file's content; nothing where it has none.

    Raises:
        ValueError: its header is none.
    """
    length = int.from_bytes(content[:_LENGTH], "little")
    found = json.loads(content[_LENGTH : _LENGTH + length]).get("__metadata__", {})
    return found if isinstance(found, dict) else {}
