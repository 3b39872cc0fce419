"""Loading: what is accepted, how it is placed, and what is said when it cannot be loaded."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
import torch
from huggingface_hub import errors as hub

from truthmap.errors import ModelError
from truthmap.lm.builtin import BUILTIN
from truthmap.lm.load import load_model, pick_device, pick_dtype
from truthmap.lm.load_settings import LoadSettings


def test_a_folder_is_loaded_to_be_read_only(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    assert (lm.n_layers, lm.width, lm.max_length) == (2, 24, 128)
    assert (lm.device.type, lm.dtype) == (pick_device("auto").type, pick_dtype("auto", pick_device("auto")))
    assert not lm.model.training
    assert not any(p.requires_grad for p in lm.model.parameters())


def test_the_dtype_is_as_asked(tiny_model: Path) -> None:
    assert load_model(str(tiny_model), LoadSettings(dtype="bfloat16", device="cpu")).dtype == torch.bfloat16
    assert pick_dtype("auto", torch.device("cpu")) == torch.float32
    assert pick_dtype("auto", torch.device("cuda")) == pick_dtype("auto", torch.device("mps")) == torch.bfloat16
    for wrong in ("int8", "double trouble", "nn"):
        with pytest.raises(ModelError, match=rf"dtype '{wrong}' is not known; use auto, float32"):
            pick_dtype(wrong, torch.device("cpu"))


def test_auto_takes_the_fastest_device_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_told(device: str) -> None:
    with pytest.raises(ModelError, match=rf"device '{device}' cannot be used here \(.*\); use auto, cpu, cuda"):
        pick_device(device)


def test_quantization_without_a_gpu_is_refused(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="quantization 8bit needs a CUDA device, found cpu; leave it out"):
        load_model(str(tiny_model), LoadSettings(quantization="8bit", device="cpu"))


class Loaded(Exception):
    """Stands for the end of loading."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What goes to the loader on a machine that has a GPU and bitsandbytes."""
    import transformers

    options: dict[str, object] = {}

    def load(*_: object, **settings: object) -> None:
        options.update(settings)
        raise Loaded

    monkeypatch.setitem(sys.modules, "bitsandbytes", ModuleType("bitsandbytes"))
    monkeypatch.setattr("truthmap.lm.load.pick_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", load)
    return options


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_quantization_goes_to_the_loader(tiny_model: Path, given: dict[str, object], bits: Any) -> None:
    with pytest.raises(ModelError):
        load_model(str(tiny_model), LoadSettings(quantization=bits))
    assert getattr(given["quantization_config"], f"load_in_{bits}")
    assert (given["device_map"], given["dtype"]) == ("auto", torch.bfloat16)


def test_a_device_map_goes_to_the_loader(tiny_model: Path, given: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        load_model(str(tiny_model), LoadSettings(device_map="balanced"))
    assert given["device_map"] == "balanced"
    assert "quantization_config" not in given


def test_a_model_placed_by_a_device_map_is_the_same(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model), LoadSettings(device_map="cpu", dtype="float32"))
    assert lm.identity() == load_model(str(tiny_model), LoadSettings(device="cpu")).identity()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no such thing", r"unknown model 'no such thing': expected a built-in model \(smollm2\), a folder"),
        ("one/two/three", "unknown model 'one/two/three'"),
        ("absent.gguf", "there is no file absent.gguf"),
        ("owner/name", r"the model 'owner/name' is not on this machine and the hub cannot be reached.*hf download"),
    ],
)
def test_a_name_that_leads_nowhere_is_told(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_model(name)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (hub.GatedRepoError, "the hub model owner/name is gated: ask for access on its page, then run `hf auth login`"),
        (hub.RepositoryNotFoundError, "the hub has no model 'owner/name' that you may read.*hf auth login"),
        (hub.RevisionNotFoundError, "the hub model owner/name has no revision 'v9'"),
        (hub.HfHubHTTPError, "the model 'owner/name' cannot be loaded.*the hub says.*simulated"),
        (hub.LocalEntryNotFoundError, "the model 'owner/name' is not on this machine and the hub cannot be reached"),
    ],
)
def test_what_the_hub_refuses_is_told(kind: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        if kind is hub.LocalEntryNotFoundError:
            raise kind("simulated")
        response = httpx2.Response(404, request=httpx2.Request("GET", "https://hub.invalid"))
        raise kind("simulated", response=response)  # type: ignore[call-arg]

    monkeypatch.setattr("transformers.utils.hub.hf_hub_download", refuse)
    with pytest.raises(ModelError, match=said):
        load_model("owner/name", LoadSettings(revision="v9"))


def test_the_revision_goes_to_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(*_: object, **options: object) -> None:
        asked.append(options["revision"])
        raise hub.LocalEntryNotFoundError("simulated")

    monkeypatch.setattr("transformers.utils.hub.hf_hub_download", download)
    for revision in ("v9", None):
        with pytest.raises(ModelError):
            load_model("owner/name", LoadSettings(revision=revision))
    assert set(asked) == {"v9", "main"}


def test_a_revision_of_a_folder_is_refused(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match=r"a revision is for hub models, .* is none; leave --revision out"):
        load_model(str(tiny_model), LoadSettings(revision="main"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "cannot be loaded: Unrecognized model"),
        ("{", "cannot be loaded: .*not a valid JSON file"),
        ('{"model_type": "unheard-of"}', "cannot be loaded: .*model type `unheard-of`"),
        ('{"model_type": "t5"}', r"is an encoder-decoder \(t5\); truthmap reads decoders"),
    ],
)
def test_a_folder_that_holds_no_decoder_is_told(tmp_path: Path, config: str | None, said: str) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelError, match=said):
        load_model(str(tmp_path))


def test_broken_weights_are_told(tiny_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(tiny_model, copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded: "):
        load_model(str(copy))


def test_a_pickle_of_weights_is_never_opened(tiny_model: Path, tmp_path: Path) -> None:
    import pickle

    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> object:
            return open, (str(ran), "w")

    copy = tmp_path / "model"
    shutil.copytree(tiny_model, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ModelError, match=r"has no weights as safetensors, .* save it again with `save_pretrained`"):
        load_model(str(copy))
    assert not ran.exists()


def test_a_models_own_code_is_not_run_unless_asked(tiny_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(tiny_model, copy)
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Model"}}
    (copy / "config.json").write_text(json.dumps(config))
    ran = tmp_path / "ran"
    (copy / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\nraise RuntimeError('stop here')\n")
    with pytest.raises(ModelError, match=r"comes with Python code of its own; read it, and.*--trust-remote-code"):
        load_model(str(copy))
    assert not ran.exists()
    with pytest.raises(ModelError, match="stop here"):
        load_model(str(copy), LoadSettings(trust_remote_code=True))
    assert ran.exists()


def test_bars_of_the_loader_stay_out_of_the_terminal(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled(), gguf_reader.tqdm
    load_model(str(tiny_model))
    assert capfd.readouterr().err == ""
    assert (logging.is_progress_bar_enabled(), gguf_reader.tqdm) == before


@pytest.mark.model
def test_the_builtin_model_answers() -> None:
    from truthmap.answers.generate import generate_answers
    from truthmap.answers.prompt import GenerateSettings, Prompt

    assert list(BUILTIN) == ["smollm2"]
    lm = load_model("smollm2", LoadSettings(device="cpu"))
    assert (lm.n_layers, lm.width, lm.asks_in_chat) == (30, 576, True)
    prompt = Prompt("q", lm.prompt_ids("What is the capital of France? Answer with one word."))
    (batch,) = generate_answers(lm, [prompt], GenerateSettings(max_new_tokens=8))
    assert "Paris" in batch.answers[0].text
