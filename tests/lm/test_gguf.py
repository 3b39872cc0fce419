"""GGUF files: read once through transformers, kept as a folder under the file's digest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from truthmap.errors import ModelError, StorageError
from truthmap.lm.gguf import atomic_folder, cache_folder
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def gguf_file(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model as a GGUF file, written as llama.cpp writes it."""
    lm = load_model(str(tiny_model))
    path = tmp_path / "tiny.gguf"
    write_gguf(lm, path)
    return path


def write_gguf(lm: LanguageModel, path: Path) -> None:
    import gguf

    config = lm.model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    backend = json.loads((Path(lm.name) / "tokenizer.json").read_text())
    tokens = [token for token, _ in sorted(lm.tokenizer.get_vocab().items(), key=lambda pair: pair[1])]
    special = {token["content"] for token in backend["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in backend["model"]["merges"]])
    writer.add_eos_token_id(lm.tokenizer.eos_token_id)
    writer.add_bos_token_id(lm.tokenizer.eos_token_id)
    writer.add_chat_template(lm.tokenizer.chat_template)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in lm.model.state_dict().items():
        stored = names.get_name(name, try_suffixes=(".weight",))
        assert stored is not None, name
        writer.add_tensor(stored, as_llama_cpp_has_it(name, tensor.numpy(), config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def as_llama_cpp_has_it(name: str, weight: np.ndarray, config: object) -> np.ndarray:
    """Return a weight in llama.cpp's order: the two halves of each rotated head interleaved."""
    heads = {"q_proj.weight": "num_attention_heads", "k_proj.weight": "num_key_value_heads"}
    kind = next((kind for kind in heads if name.endswith(kind)), None)
    if kind is None:
        return weight
    count = getattr(config, heads[kind])
    halves = weight.reshape(count, 2, weight.shape[0] // count // 2, weight.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))


def test_a_gguf_file_is_the_model_that_went_into_it(
    gguf_file: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own, lm = load_model(str(tiny_model)), load_model(str(gguf_file))
    weights = lm.model.state_dict()
    assert set(weights) == set(own.model.state_dict())
    for name, tensor in own.model.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0, msg=name)
    for text in ("In which country is Paris?", "déjà vu 42"):
        assert lm.prompt_ids(text) == own.prompt_ids(text)
    ids = torch.tensor([own.prompt_ids("Which city?")])
    with torch.inference_mode():
        torch.testing.assert_close(lm.model(ids).logits, own.model(ids).logits, rtol=0, atol=0)
    shown = capfd.readouterr()
    assert "GGUF tensors" not in shown.err + shown.out, "the reader's bar must not show"


def test_it_is_converted_once_and_again_when_the_file_changed(
    gguf_file: Path, own_cache: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_model(str(gguf_file))
    (first,) = (own_cache / "gguf").iterdir()
    assert json.loads((first / "source.json").read_text())["file"] == "tiny.gguf"
    with monkeypatch.context() as patch:
        patch.setattr("truthmap.lm.gguf._convert", lambda *_: 1 / 0)
        load_model(str(gguf_file))
    lm = load_model(str(tiny_model))
    lm.model.model.norm.weight.mul_(2)
    write_gguf(lm, gguf_file)
    load_model(str(gguf_file))
    assert len(list((own_cache / "gguf").iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF\x03\0\0\0" + b"\xff" * 64, b"PK\x03\x04not a model"])
def test_a_file_that_is_no_gguf_is_told_and_leaves_nothing(content: bytes, tmp_path: Path, own_cache: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken.gguf cannot be loaded as a GGUF model: "):
        load_model(str(path))
    assert not any((own_cache / "gguf").iterdir())


def test_a_cut_off_gguf_file_is_told(gguf_file: Path) -> None:
    gguf_file.write_bytes(gguf_file.read_bytes()[:-5000])
    with pytest.raises(ModelError, match=r"tiny.gguf cannot be loaded as a GGUF model: "):
        load_model(str(gguf_file))


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    with pytest.raises(ZeroDivisionError), atomic_folder(folder) as temp_path:
        (temp_path / "half").write_text("x")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(folder) as one, atomic_folder(folder) as other:
        (one / "by").write_text("one")
        (other / "by").write_text("other")
    assert (folder / "by").read_text() == "other", "the first to finish wins"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_cache_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, gguf_file: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match="cannot be written: Permission denied"):
        load_model(str(gguf_file))


def test_the_cache_is_where_the_environment_says(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == own_cache
    monkeypatch.delenv("TRUTHMAP_CACHE")
    assert cache_folder().name == "truthmap"
