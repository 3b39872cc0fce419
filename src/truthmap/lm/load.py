"""Loading a model by name: built-in, folder, GGUF file or hub id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from truthmap.errors import ModelError
from truthmap.files import is_path
from truthmap.lm.adapters import adapter_folder, base_of, is_adapter, merge_adapter
from truthmap.lm.builtin import BUILTIN, builtin_folder
from truthmap.lm.gguf import converted_gguf
from truthmap.lm.load_errors import POSSIBLE, as_model_error, hub_answers
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.lm.processor_template import processor_template
from truthmap.lm.quantized import align_widened, quantized_as, require_packages, widen_where_needed
from truthmap.lm.whole_weights import require_regular, require_whole

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def load_model(name: str, settings: LoadSettings | None = None) -> LanguageModel:
    """Load a causal language model in evaluation mode.

    Args:
        name: A built-in name (`smollm2`), a folder, a `.gguf` file or a hub id; a folder that holds an adapter is
            loaded with the base model that it names.
        settings: How to load it.

    Raises:
        ModelError: there is no such model, or it cannot be loaded; the message says what to do.
    """
    settings = _with_adapter(name, settings or LoadSettings())
    device = pick_device(settings.device)
    adapter = None if settings.adapter is None else adapter_folder(settings.adapter)
    files = locate_files(name, settings)
    source, options = files.source, files.options
    config, dtype = read_config(files), pick_dtype(settings.dtype, device)  # refused before gigabytes are fetched
    quantized = quantized_as(config)  # before what widens the weights takes that note away
    widen_where_needed(config)
    with as_model_error(name, source, settings.revision), quiet():
        tokenizer = _tokenizer(files)
        model, loading = auto_class(config).from_pretrained(
            source,
            config=config,
            dtype=dtype,
            use_safetensors=True,  # weights in pickles are not read, not even by an unpickler that takes only tensors
            output_loading_info=True,
            **options,
            **_placement(settings, device),
        )
        require_whole(name, loading)
        if quantized is not None:
            align_widened(model, dtype)
        if adapter is not None:
            model = merge_adapter(model, str(settings.adapter), adapter)
    if settings.device_map is None and settings.quantization is None:
        model = model.to(device)
    model.requires_grad_(False)
    return LanguageModel(name, model.eval(), tokenizer, settings)


@dataclass(frozen=True)
class ModelFiles:
    """Where a model's files are, and how transformers is to read them.

    Attributes:
        name: What the user called the model.
        source: A folder in the form of transformers, or a hub id.
        options: What every call that reads from it is told.
    """

    name: str
    source: str
    options: dict[str, Any]


def locate_files(name: str, settings: LoadSettings) -> ModelFiles:
    """Find a model's files; of an adapter that is given as the model, those of its base.

    Raises:
        ModelError: there is no such model, or its folder holds links.
    """
    with quiet():
        source = model_source(base_of(name) if is_adapter(name) else name)
    if settings.revision is not None and Path(source).is_dir():
        raise ModelError(f"a revision is for hub models, {name} is none; leave --revision out")
    if Path(source).is_dir():
        require_regular(name, Path(source))
    options: dict[str, Any] = {"trust_remote_code": settings.trust_remote_code, "revision": settings.revision or "main"}
    if not Path(source).is_dir() and not hub_answers(source, settings.revision):
        options["local_files_only"] = True  # what was fetched before is in the hub's cache
    return ModelFiles(name, source, options)


def read_config(files: ModelFiles, *, needs_packages: bool = True) -> PretrainedConfig:
    """Read a model's configuration.

    Args:
        files: Where it is.
        needs_packages: The weights are to be read, for which quantized ones need a package.

    Raises:
        ModelError: it cannot be read, or says that the model is not one that is read here.
    """
    from transformers import AutoConfig

    revision = files.options["revision"]
    with as_model_error(files.name, files.source, revision), quiet():
        config: PretrainedConfig = AutoConfig.from_pretrained(files.source, **files.options)
    if config.is_encoder_decoder:
        raise ModelError(f"{files.name} is an encoder-decoder ({config.model_type}); truthmap reads decoders")
    if needs_packages:
        require_packages(files.name, config)
    return config


def read_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """Read a model's tokenizer with its chat template.

    Raises:
        ModelError: it cannot be read.
    """
    with as_model_error(files.name, files.source, files.options["revision"]), quiet():
        return _tokenizer(files)


def _tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(files.source, **files.options)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = processor_template(files.source, **files.options)
    return tokenizer


def _with_adapter(name: str, settings: LoadSettings) -> LoadSettings:
    """Return the settings with the adapter that is to be merged, also where the model itself is one."""
    if not is_adapter(name):
        return settings
    if settings.adapter is not None:
        raise ModelError(f"{name} is an adapter, and {settings.adapter} another: name the base model (--model)")
    return replace(settings, adapter=name)


def auto_class(config: PretrainedConfig) -> type[Any]:
    """Return the class that loads a model for reading and writing text, images left out where it can see them."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto import modeling_auto

    seeing = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    reading = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    sees_only = config.model_type in seeing and config.model_type not in reading
    picked: type[Any] = AutoModelForImageTextToText if sees_only else AutoModelForCausalLM
    return picked


def pick_device(device: str) -> torch.device:
    """Return the torch device that a setting names; `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        ModelError: there is no such device.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        picked = torch.device(device)
        torch.empty(0, device=picked)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"device {device!r} cannot be used here ({reason}); use auto, cpu, cuda, cuda:1, mps"
        ) from error
    return picked


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Return the torch dtype that a setting names; `auto` is bfloat16 on a GPU and float32 on the CPU.

    Raises:
        ModelError: it is no floating-point dtype.
    """
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    picked = getattr(torch, dtype, None)
    if not isinstance(picked, torch.dtype) or not picked.is_floating_point:
        raise ModelError(f"dtype {dtype!r} is not known; use auto, float32, bfloat16 or float16")
    return picked


def model_source(name: str) -> str:
    """Return what is to be loaded: a folder in the form of transformers, or a hub id.

    Raises:
        ModelError: the name is neither that of a built-in model or a file, nor one that a hub could know.
    """
    if name in BUILTIN:
        return str(builtin_folder(name))
    path = Path(name)
    if path.is_dir():
        return name
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"there is no file {name}")
        return str(converted_gguf(path))
    if is_path(name):
        raise ModelError(f"there is no folder {name}: {POSSIBLE}")
    if not _HUB_ID.fullmatch(name) or path.is_file():
        raise ModelError(f"unknown model {name!r}: {POSSIBLE}")
    return name


def _placement(settings: LoadSettings, device: torch.device) -> dict[str, Any]:
    if settings.quantization is not None:
        if device.type != "cuda":
            raise ModelError(
                f"quantization {settings.quantization} needs a CUDA device, found {device.type}; leave it out"
            )
        try:
            import bitsandbytes  # noqa: F401
        except ImportError as error:
            raise ModelError("quantization needs bitsandbytes: pip install 'truthmap[gpu]'") from error
        from transformers import BitsAndBytesConfig

        bits = {"load_in_8bit": True} if settings.quantization == "8bit" else {"load_in_4bit": True}
        return {"quantization_config": BitsAndBytesConfig(**bits), "device_map": settings.device_map or "auto"}
    return {} if settings.device_map is None else {"device_map": settings.device_map}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the bars of transformers out of ours, and leave its settings as they were."""
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    shown, own_bar = logging.is_progress_bar_enabled(), gguf_reader.tqdm
    logging.disable_progress_bar()
    gguf_reader.tqdm = logging.tqdm  # it takes tqdm's own bar, which does not ask whether bars are wanted
    try:
        yield
    finally:
        gguf_reader.tqdm = own_bar
        if shown:
            logging.enable_progress_bar()
