"""Whether a model holds what its files say: every weight is read, none drawn; and the digest of what it holds."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truthmap.errors import ModelError

if TYPE_CHECKING:
    import torch

_PIECE = 1 << 22
"""Numbers that are copied from the device at a time."""
_MOST_THREADS = 8
_NAMED = 5
"""Keys that a message names."""
_NOT_COMPUTED_WITH = ("_name_or_path", "transformers_version", "dtype", "architectures", "_commit_hash")
"""What a configuration says that no number depends on, or that a model's identity names by itself."""


def require_whole(name: str, loading: Mapping[str, Any]) -> None:
    """See that every weight of a model came from its files; transformers draws those that are missing at random.

    Args:
        name: What the user called the model.
        loading: What transformers reports of loading (`output_loading_info`); tied weights do not count as missing.

    Raises:
        ModelError: some are missing, or of another shape than the configuration says; the message names them.
    """
    for what, keys in (
        ("its files lack", _names(loading.get("missing_keys", ()))),
        ("its files have in another shape", _names(loading.get("mismatched_keys", ()))),
    ):
        if keys:
            raise ModelError(
                f"{name} cannot be used: {what} {len(keys):,} of the weights that its configuration asks for "
                f"({_listed(keys)}), and they would be random numbers; fetch or save the model again, whole"
            )


def require_regular(name: str, folder: Path) -> None:
    """See that a model's folder holds files: reading a pipe or a device in the place of one would never end.

    Args:
        name: What the user called the model.
        folder: Its folder.

    Raises:
        ModelError: something in it is neither a file nor a folder.
    """
    odd = next(
        (path for path in sorted(folder.iterdir()) if path.exists() and not (path.is_file() or path.is_dir())), None
    )
    if odd is not None:
        raise ModelError(f"{name} cannot be loaded: {odd.name} in it is a pipe or a device; put the file itself there")


def weights_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of every number of a model's weights, as they are in memory, with their names and dtypes.

    What accelerate keeps outside the memory (device `meta`) counts with its name, shape and dtype alone.
    """
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        digests = list(pool.map(_tensor_digest, tensors.values()))
    whole = hashlib.sha256()
    for (name, tensor), digest in zip(tensors.items(), digests, strict=True):
        whole.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {digest};".encode())
    return whole.hexdigest()


def computed_with(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a model's configuration its numbers can depend on: rotation, norms, windows, heads and so on."""
    return {
        name: computed_with(value) if isinstance(value, Mapping) else _plain(value)
        for name, value in config.items()
        if name not in _NOT_COMPUTED_WITH
    }


def _tensor_digest(tensor: torch.Tensor) -> str:
    import torch  # late: a study can name a model that was given to it, and loads no torch where none was

    digest = hashlib.sha256()
    if tensor.numel() and tensor.device.type != "meta":
        for piece in torch.split(tensor.detach().reshape(-1), _PIECE):
            digest.update(piece.contiguous().cpu().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity: Mamba-2's time steps have it as their upper limit
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _names(keys: Iterable[Any]) -> list[str]:
    """Return the names of weights; of those in another shape transformers tells both shapes too."""
    return sorted(str(key[0]) if isinstance(key, tuple) else str(key) for key in keys)


def _listed(keys: Collection[str]) -> str:
    shown = ", ".join(list(keys)[:_NAMED])
    return f"{shown}, …" if len(keys) > _NAMED else shown
