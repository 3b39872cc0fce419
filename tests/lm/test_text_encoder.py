"""Sentence embeddings come from a folder or an installed package, and a text's neighbours in a batch change nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from truthmap.errors import ModelError
from truthmap.lm.text_encoder import load_text_encoder

TEXTS = ("In which country is Paris?", "Germany and Japan do not know the city", "", "I")


def test_a_text_has_the_same_vector_alone_and_in_a_batch(tiny_model: Path) -> None:
    encoder = load_text_encoder(str(tiny_model))
    together = encoder.encode(TEXTS)
    assert together.shape == (4, 24)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-5)


def test_a_package_can_carry_the_model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny_model, tmp_path / "carries_a_model" / "data" / "model")
    (tmp_path / "carries_a_model" / "__init__.py").write_text("raise SystemExit('never run')")
    monkeypatch.syspath_prepend(tmp_path)
    found = load_text_encoder("carries-a-model")
    np.testing.assert_array_equal(found.encode(TEXTS), load_text_encoder(str(tiny_model)).encode(TEXTS))


def test_a_model_that_lacks_weights_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "holes"))
    (file,) = folder.glob("*.safetensors")
    kept = {name: tensor for name, tensor in load_file(file).items() if "layers.1." not in name}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"its files lack .* of the weights"):
        load_text_encoder(str(folder))


@pytest.mark.parametrize("name", ["json", "no/such/folder", "nosuchpackage"])
def test_what_carries_no_model_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"the text model .* cannot be loaded: .*; name a folder"):
        load_text_encoder(name)
