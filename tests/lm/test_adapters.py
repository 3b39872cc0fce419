"""An adapter is merged into the base that it was trained on, and is part of what the model is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from truthmap.errors import ModelError
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
IDS = torch.tensor([[5, 6, 7, 8, 9]])


@pytest.fixture(scope="module")
def adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of the tiny model, with weights that change every projection."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    settings = LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(model, settings).save_pretrained(folder)
    said = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**said, "base_model_name_or_path": str(tiny_model)}))
    return folder


def with_adapter(tiny_model: Path, adapter: Path) -> torch.Tensor:
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), str(adapter)).eval()
    with torch.inference_mode():
        return model(IDS).logits


def test_the_adapter_changes_the_model_as_peft_has_it(tiny_model: Path, adapter: Path) -> None:
    plain = load_model(str(tiny_model))
    named = load_model(str(tiny_model), LoadSettings(adapter=str(adapter)))
    by_itself = load_model(str(adapter))
    wanted = with_adapter(tiny_model, adapter)
    with torch.inference_mode():
        assert not torch.allclose(plain.model(IDS).logits, wanted, atol=1e-2)
        for lm in (named, by_itself):
            torch.testing.assert_close(lm.model(IDS).logits, wanted, rtol=1e-4, atol=1e-4)
    assert by_itself.settings.adapter == str(adapter)
    assert [lm.identity().get("adapter") for lm in (plain, named)] == [None, str(adapter)]
    assert named.identity()["weights"] != plain.identity()["weights"]
    assert named.identity()["weights"] == by_itself.identity()["weights"]


def without(adapter: Path, to: Path, name: str) -> Path:
    shutil.copytree(adapter, to)
    (to / name).unlink()
    return to


def test_an_adapter_that_cannot_be_used_is_named(tiny_model: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no adapter_model.safetensors; pickles are not read"):
        load_model(str(without(adapter, tmp_path / "a", "adapter_model.safetensors")))
    with pytest.raises(ModelError, match=r"is no adapter: it holds no adapter_config.json"):
        load_model(str(tiny_model), LoadSettings(adapter=str(without(adapter, tmp_path / "b", "adapter_config.json"))))
    nobodys = tmp_path / "c"
    shutil.copytree(adapter, nobodys)
    (nobodys / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"does not name its base model; name both: --model BASE --adapter"):
        load_model(str(nobodys))
    with pytest.raises(ModelError, match=r"is an adapter, and .* another: name the base model"):
        load_model(str(adapter), LoadSettings(adapter=str(nobodys)))


def test_an_adapter_of_another_model_is_refused(adapter: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be merged into this model .* name the base that it was trained on"):
        load_model("smollm2", LoadSettings(adapter=str(adapter)))
