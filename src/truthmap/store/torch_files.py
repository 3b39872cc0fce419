"""Safetensors files of torch's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from truthmap.store.tensor_files import writing


def save_torch_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors: see `save_tensors`.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    with writing():
        save_file(dict(tensors), path, metadata=dict(metadata))
