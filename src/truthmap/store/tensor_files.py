"""Safetensors files: written with one kind of fault, and their metadata read without opening a path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file as save_torch
from torch import Tensor

_LENGTH = 8


def save_tensors(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Write tensors, numpy's or torch's.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    torch = any(isinstance(tensor, Tensor) for tensor in tensors.values())
    try:
        (save_torch if torch else save_arrays)(dict(tensors), path, metadata=dict(metadata))
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
