"""NLI classifiers, on a small random one: its verdicts are its own logits', and what is none is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from truthmap.errors import ModelError
from truthmap.lm.nli import load_entailment

PLACES = ("France", "Germany", "Japan", "Peru", "Paris", "the city", "which country", "I do not know", "a", "and")
PAIRS = [(one, other) for one in PLACES for other in PLACES if one != other]


def saved_classifier(tiny_model: Path, folder: Path, labels: tuple[str, ...]) -> Path:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(1)
    config = LlamaConfig.from_pretrained(tiny_model)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: n for n, label in enumerate(labels)}
    LlamaForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


def test_a_pair_is_entailed_where_that_label_is_likeliest(tiny_model: Path, tmp_path: Path) -> None:
    import torch

    folder = saved_classifier(tiny_model, tmp_path, ("contradiction", "neutral", "ENTAILMENT"))
    nli = load_entailment(str(folder))
    found = nli.entails(PAIRS)
    assert len(found) == 90
    assert {True, False} == set(found)
    for pair, entailed in zip(PAIRS[:9], found[:9], strict=True):
        with torch.inference_mode():
            logits = nli.model(**nli.tokenizer(*pair, return_tensors="pt")).logits[0]
        assert entailed == (int(logits.argmax()) == 2)
    assert nli.entails([]) == []


def test_a_classifier_without_that_label_is_no_nli_model(tiny_model: Path, tmp_path: Path) -> None:
    folder = saved_classifier(tiny_model, tmp_path, ("joy", "anger"))
    with pytest.raises(ModelError, match=r"is no NLI model: expected one label `entailment`, it has joy, anger"):
        load_entailment(str(folder))


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the NLI model .* cannot be loaded"):
        load_entailment(str(tmp_path))
