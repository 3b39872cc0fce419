"""No weight is made up, and what identifies a model is everything that it computes with."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from truthmap.errors import ModelError
from truthmap.files import digest_of
from truthmap.lm.load import load_model
from truthmap.lm.nli import load_entailment
from truthmap.lm.whole_weights import computed_with, weights_digest

Weights = dict[str, torch.Tensor]


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model, tmp_path / "model")


def rewrite(folder: Path, change: Callable[[Weights], Weights]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def set_in(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (".layers.1.", "lack 9 of the weights .*layers.1"),
        ("layers.0.input_layernorm", "lack 1 of the weights .*layers.0.input_layernorm.weight"),
        ("embed_tokens", "lack 1 of the weights .*embed_tokens.weight"),
        ("lm_head", "lack 1 of the weights .*lm_head.weight"),
        ("model.norm", "lack 1 of the weights .*model.norm.weight"),
    ],
)
def test_weights_that_are_missing_are_named(copy: Path, missing: str, named: str) -> None:
    rewrite(copy, lambda weights: {name: w for name, w in weights.items() if missing not in name})
    with pytest.raises(ModelError, match=named):
        load_model(str(copy))


def test_more_layers_than_are_stored_are_refused(copy: Path) -> None:
    set_in(copy / "config.json", num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"lack 9 of the weights .*layers\.2"):
        load_model(str(copy))


def test_a_weight_of_another_shape_is_refused(copy: Path) -> None:
    rewrite(copy, lambda weights: weights | {"model.norm.weight": torch.ones(12)})
    with pytest.raises(ModelError, match=r"cannot be loaded|another shape"):
        load_model(str(copy))


def test_a_tied_head_is_not_missing(copy: Path) -> None:
    rewrite(copy, lambda weights: {name: w for name, w in weights.items() if name != "lm_head.weight"})
    set_in(copy / "config.json", tie_word_embeddings=True)
    assert load_model(str(copy)).n_layers == 2


def test_a_decoder_is_no_entailment_classifier(copy: Path) -> None:
    set_in(copy / "config.json", id2label={"0": "entailment", "1": "neutral"})
    with pytest.raises(ModelError, match=r"lack 1 of the weights .*score.weight"):
        load_entailment(str(copy))


def test_the_digest_covers_every_number() -> None:
    weights = {"a": torch.arange(5000.0), "b": torch.zeros(3, dtype=torch.bfloat16), "empty": torch.empty(0)}
    known = weights_digest(weights)
    assert weights_digest({name: tensor.clone() for name, tensor in weights.items()}) == known
    for place in (0, 1, 4, 4999):
        other = weights["a"].clone()
        other[place] += 1
        assert weights_digest(weights | {"a": other}) != known
    assert weights_digest(weights | {"b": torch.zeros(3, dtype=torch.float16)}) != known
    assert weights_digest(weights | {"a": weights["a"].reshape(50, 100)}) != known


def test_limits_without_end_have_a_digest() -> None:
    one, other = (computed_with({"time_step_limit": (0.0, end)}) for end in (math.inf, 1e30))
    assert one == {"time_step_limit": [0.0, "inf"]}
    assert digest_of(one) != digest_of(other)


@pytest.mark.parametrize(
    "change", [{"rms_norm_eps": 0.1}, {"rope_parameters": {"rope_type": "default", "rope_theta": 7.0}}]
)
def test_what_is_computed_with_the_weights_counts(tiny_model: Path, copy: Path, change: dict[str, Any]) -> None:
    set_in(copy / "config.json", **change)
    one, other = load_model(str(tiny_model)).identity(), load_model(str(copy)).identity()
    assert {name for name in one if one[name] != other[name]} == {"name", "config"}
