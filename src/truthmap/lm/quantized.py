"""Checkpoints whose weights are quantized already: which package reads each kind, asked before any weight is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from truthmap.errors import ModelError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class QuantizedKind:
    """A way in which weights are quantized.

    Attributes:
        needs: The packages that read them, as they are imported.
        install: What `pip install` is told to get these.
        widened: The weights are widened as they are loaded: what reads them would widen them when the model is called
            as a whole, and its states are read inside.
    """

    needs: tuple[str, ...] = ()
    install: str = ""
    widened: bool = False


_BITSANDBYTES = QuantizedKind(("bitsandbytes",), "'truthmap[gpu]'")
KINDS: Mapping[str, QuantizedKind] = MappingProxyType(
    {
        "gptq": QuantizedKind(("gptqmodel", "optimum"), "gptqmodel optimum"),
        "awq": QuantizedKind(("gptqmodel",), "gptqmodel"),
        "compressed-tensors": QuantizedKind(("compressed_tensors",), "'compressed-tensors>=0.15'", widened=True),
        "fp8": QuantizedKind(),
        "mxfp8": QuantizedKind(),
        "mxfp4": QuantizedKind(),
        "bitsandbytes": _BITSANDBYTES,
        "bitsandbytes_4bit": _BITSANDBYTES,
        "bitsandbytes_8bit": _BITSANDBYTES,
        "torchao": QuantizedKind(("torchao",), "'torchao>=0.15'"),
        "quanto": QuantizedKind(("optimum.quanto",), "optimum-quanto"),
        "hqq": QuantizedKind(("hqq",), "hqq"),
        "aqlm": QuantizedKind(("aqlm",), "'aqlm[gpu,cpu]'"),
        "auto-round": QuantizedKind(("auto_round",), "'auto-round>=0.5'"),
        "eetq": QuantizedKind(("kernels",), "kernels"),
        "nvfp4": QuantizedKind(("kernels",), "kernels"),
        "vptq": QuantizedKind(("vptq",), "vptq"),
        "spqr": QuantizedKind(("spqr_quant",), "'spqr_quant[gpu]'"),
        "higgs": QuantizedKind(("flute", "fast_hadamard_transform"), "flute-kernel fast_hadamard_transform"),
        "fp_quant": QuantizedKind(("fp_quant",), "fp_quant"),
        "quark": QuantizedKind(("quark",), "amd-quark"),
        "sinq": QuantizedKind(("sinq",), "sinq"),
        "bitnet": QuantizedKind(),
    }
)
"""The kinds by the `quant_method` of a configuration's `quantization_config`; a new kind is a line here. One without a
package is read by transformers itself."""


def quantized_as(config: PretrainedConfig) -> str | None:
    """Return how a model's weights are quantized in its files, or `None`: they are not."""
    said: Any = getattr(config, "quantization_config", None)
    if said is None:
        said = getattr(config.get_text_config(), "quantization_config", None)
    if said is None:
        return None
    told = said if isinstance(said, Mapping) else said.to_dict()
    method = told.get("quant_method") or ("bitsandbytes" if "load_in_4bit" in told or "load_in_8bit" in told else "")
    return str(getattr(method, "value", method))


def require_packages(name: str, config: PretrainedConfig) -> None:
    """See that the package is there which reads a model's quantized weights.

    Args:
        name: What the user called the model.
        config: Its configuration.

    Raises:
        ModelError: it is not; one line names it and the command that gets it.
    """
    method = quantized_as(config)
    kind = KINDS.get(method or "")
    if kind is None:
        return
    missing = [package for package in kind.needs if not _is_there(package)]
    if missing:
        raise ModelError(
            f"the weights of {name} are quantized by {method}, and {' and '.join(missing)} reads them, which is not "
            f"installed here: pip install {kind.install}, or take a checkpoint that is not quantized"
        )


def widen_where_needed(config: PretrainedConfig) -> None:
    """Have the weights of a kind that cannot be read inside the model widened as they are loaded."""
    kind = KINDS.get(quantized_as(config) or "")
    said: Any = getattr(config, "quantization_config", None)
    if kind is not None and kind.widened and isinstance(said, Mapping):
        config.quantization_config = {**said, "dequantize": True}


def align_widened(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Bring weights of a quantized model that came as float32 to the dtype that it was loaded in.

    transformers widens to the dtype of the scales, whatever the rest of the model has.
    """
    fields = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")
    kept = {module for field in fields for module in getattr(model, field, None) or ()}
    for name, parameter in model.named_parameters():
        if parameter.dtype is torch.float32 and not any(module in name for module in kept):
            parameter.data = parameter.data.to(dtype)


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the package that it is part of is not there
        return False
