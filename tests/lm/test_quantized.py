"""Quantized checkpoints: the package that reads each kind is named before any weight is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

from model_families import language_model
from truthmap.errors import ModelError
from truthmap.lm import quantized
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.quantized import KINDS, quantized_as

CPU = LoadSettings(device="cpu")
_READ_BY_TRANSFORMERS = {"fp8", "mxfp8", "mxfp4", "bitnet", "gguf", "fbgemm_fp8", "fouroversix", "gemma", "metal"}


def said_to_be(folder: Path, **how: object) -> str:
    """Write a configuration that says how its weights are quantized, and nothing else."""
    config = language_model("llama").model.config
    held = {**config.to_dict(), "quantization_config": how}
    type(config).from_dict(held).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("how", "package", "command"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptqmodel and optimum", "pip install gptqmodel optimum"),
        ({"quant_method": "awq", "bits": 4}, "gptqmodel", "pip install gptqmodel"),
        ({"quant_method": "hqq"}, "hqq", "pip install hqq"),
        ({"quant_method": "torchao", "quant_type": "int8wo"}, "torchao", "pip install 'torchao>=0.15'"),
        ({"quant_method": "quanto", "weights": "int8"}, r"optimum\.quanto", "pip install optimum-quanto"),
        ({"load_in_4bit": True}, "bitsandbytes", r"pip install 'truthmap\[gpu\]'"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes", r"pip install 'truthmap\[gpu\]'"),
    ],
)
def test_a_missing_package_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, object], package: str, command: str
) -> None:
    monkeypatch.setattr(quantized, "_is_there", lambda _name: False)
    with pytest.raises(ModelError, match=f"are quantized by .*, and {package} reads them.*{command}") as told:
        load_model(said_to_be(tmp_path, **how), CPU)
    assert "\n" not in str(told.value)


def test_a_model_that_is_not_quantized_needs_nothing() -> None:
    assert quantized_as(language_model("llama").model.config) is None


def test_every_kind_that_transformers_reads_is_known() -> None:
    assert set(AUTO_QUANTIZER_MAPPING) <= set(KINDS) | _READ_BY_TRANSFORMERS
