"""Adapters (peft): a small set of weights that is merged into the base model which it was trained on."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from truthmap.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_LARGEST_CONFIG = 1 << 20  # bytes


def is_adapter(folder: str) -> bool:
    """Return whether a folder holds an adapter and no model of its own."""
    path = Path(folder)
    return (path / CONFIG).is_file() and not (path / "config.json").exists()


def base_of(folder: str) -> str:
    """Return the name of the model that an adapter was trained on: a folder or a hub id.

    Raises:
        ModelError: the adapter does not say.
    """
    path = Path(folder) / CONFIG
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise ModelError(f"{path} is too large for a configuration of an adapter; save the adapter again")
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as the configuration of an adapter: {error}") from error
    base = said.get("base_model_name_or_path") if isinstance(said, dict) else None
    if not isinstance(base, str) or not base:
        raise ModelError(f"{path} does not name its base model; name both: --model BASE --adapter {folder}")
    return base


def adapter_folder(name: str) -> Path:
    """Return the folder of an adapter: the one named, or what the hub has under that id.

    Raises:
        ModelError: there is none, or its weights are not in safetensors.
    """
    folder = Path(name) if Path(name).is_dir() else _fetched(name)
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{name} is no adapter: it holds no {CONFIG}; expected what peft's save_pretrained writes")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"the adapter {name} holds no {WEIGHTS}; pickles are not read: save it with safetensors")
    return folder


def merge_adapter(model: PreTrainedModel, name: str, folder: Path) -> PreTrainedModel:
    """Return the model with an adapter's changes added to its weights, so that every site reads the changed model.

    Raises:
        ModelError: peft is not there, or the adapter is not for this model or of a kind that cannot be merged.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise ModelError("an adapter needs peft: pip install 'truthmap[adapters]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft's own, about names that transformers has changed
            merged: PreTrainedModel = PeftModel.from_pretrained(model, str(folder)).merge_and_unload(safe_merge=True)
    except Exception as error:  # peft raises whatever its many kinds of adapter raise
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"the adapter {name} cannot be merged into this model ({type(error).__name__}: {reason}); "
            "name the base that it was trained on (--model), and an adapter of added weights such as LoRA"
        ) from error
    return merged


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS]))
