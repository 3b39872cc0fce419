"""Quantized checkpoints: the package that reads each kind is named before any weight is read."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from tests.lm.quantized_checkpoints import write_checkpoint
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

from model_families import language_model
from truthmap.errors import ModelError
from truthmap.lm import quantized
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.quantized import KINDS, quantized_as

CPU = LoadSettings(device="cpu")
_LACKS_PACKAGE = pytest.mark.skipif(find_spec("compressed_tensors") is None, reason="compressed-tensors is not there")
CHECKPOINTS = [
    ("llama", "fp8"),
    ("qwen3_moe", "fp8"),
    ("gpt_oss", "mxfp4"),
    pytest.param("llama", "compressed-tensors", marks=_LACKS_PACKAGE),
]
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


@pytest.mark.parametrize(("dtype", "allowed"), [("float32", 1e-5), ("bfloat16", 0.1)])
@pytest.mark.parametrize(("family", "kind"), CHECKPOINTS)
def test_what_runs_on_a_cpu_is_the_model_of_the_full_weights(
    tmp_path: Path, family: str, kind: str, dtype: str, allowed: float
) -> None:
    full = write_checkpoint(tmp_path, language_model("llama").tokenizer, family, kind)
    lm = load_model(str(tmp_path), LoadSettings(device="cpu", dtype=dtype))
    ids = list(range(3, 20))
    found = lm.states(ids)
    assert isinstance(found, torch.Tensor)
    assert lm.dtype is found.dtype is getattr(torch, dtype)
    with torch.no_grad():
        wanted = full.base_model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
    for layer in range(lm.n_layers - 1):  # the last one is told behind the final norm
        difference = found[layer].float() - wanted[layer + 1][0]
        assert difference.norm() <= allowed * wanted[layer + 1][0].norm()


def test_a_model_that_is_not_quantized_needs_nothing() -> None:
    assert quantized_as(language_model("llama").model.config) is None


def test_every_kind_that_transformers_reads_is_known() -> None:
    assert set(AUTO_QUANTIZER_MAPPING) <= set(KINDS) | _READ_BY_TRANSFORMERS
