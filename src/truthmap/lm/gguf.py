"""Folders in the user's cache that are whole or absent: GGUF files turned once into what loads in seconds."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from truthmap.errors import ModelError
from truthmap.files import file_digest, storage_errors
from truthmap.lm.whole_weights import require_whole
from truthmap.storage import cache_folder

_CONVERTED = 1
"""Raise when folders converted by older versions must be made again."""


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill; on success it takes the name `folder`, else it is removed.

    Two processes may make the same folder at once: the first to finish wins, the other's work is dropped.
    """
    temp_path = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    with storage_errors(folder):
        temp_path.mkdir(parents=True)
        try:
            yield temp_path
            try:
                temp_path.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(temp_path, ignore_errors=True)


def converted_gguf(path: Path) -> Path:
    """Return a folder with the model of a GGUF file as float32 safetensors, its tokenizer and its configuration.

    The first call reads the file through transformers (about half a minute for 100 MB) and keeps the result in the
    cache under the file's digest; later calls find it there.

    Raises:
        ModelError: transformers cannot read the file.
        StorageError: the cache cannot be written.
    """
    folder = cache_folder() / "gguf" / f"{path.stem}-{file_digest(path)[:16]}-v{_CONVERTED}"
    if not folder.is_dir():
        with atomic_folder(folder) as temp_path:
            _convert(path, temp_path)
    return folder


def _convert(path: Path, into: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        model, loading = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32, output_loading_info=True
        )
    except (
        Exception
    ) as error:  # the GGUF readers raise whatever comes: struct.error, KeyError, ValueError, RuntimeError, …
        raise ModelError(f"{path} cannot be loaded as a GGUF model: {type(error).__name__}: {error}") from error
    require_whole(str(path), loading)
    # The weights are plain float32 now; left marked as quantized they could not be saved.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(into)
    tokenizer.save_pretrained(into)
    (into / "source.json").write_text(json.dumps({"file": path.name, "sha256": file_digest(path)}), encoding="utf-8")
