"""The laws of states, tried on a tiny model of every kind; what cannot be studied must be refused in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedTokenizerFast
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from benchmarks.families.tiny import VOCABULARY, CannotShrinkError, tiny_model
from truthmap.answers.prompt import Prompt
from truthmap.errors import ModelError
from truthmap.execution.state_laws import state_checks
from truthmap.lm.cache import CacheUse
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel

_LONGEST = 160


class Result(StrEnum):
    """What came of one kind of model."""

    OBEYS = "obeys every law"
    REFUSED = "refused"
    BREAKS = "BREAKS A LAW"
    NOT_MADE = "no tiny model"


@dataclass(frozen=True)
class Row:
    """One kind of model and what came of it.

    Attributes:
        model_type: What transformers calls the kind.
        architecture: The model's class; empty where none was made.
        result: What came of it.
        detail: Sites that it has and how it decodes; or why it is refused, which law breaks, what shrinking ended with.
    """

    model_type: str
    architecture: str
    result: Result
    detail: str


def causal_types() -> list[str]:
    """Return the kinds that transformers loads as causal language models."""
    return list(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def seeing_types() -> list[str]:
    """Return the kinds that transformers loads only as models that see and write text."""
    causal = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return [kind for kind in modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES if kind not in causal]


def sweep() -> Iterator[Row]:
    """Try every kind."""
    for kind in (*causal_types(), *seeing_types()):
        yield try_kind(kind)


def try_kind(model_type: str) -> Row:
    """Make a tiny model of a kind and try the laws on it."""
    auto_class = AutoModelForImageTextToText if model_type in seeing_types() else AutoModelForCausalLM
    if _is_encoder_decoder(model_type):
        return Row(model_type, "", Result.REFUSED, "encoder-decoder")
    try:
        model = tiny_model(model_type, auto_class)
    except CannotShrinkError as error:
        return Row(model_type, "", Result.NOT_MADE, _short(str(error)))
    architecture = type(model).__name__
    lm = LanguageModel(model_type, model, _tokenizer(), LoadSettings())
    try:
        sites = [str(site) for site, found in lm.blocks.hook_points.items() if not isinstance(found, str)]
        broken = [f"{check.name} {check.found}" for check in state_checks(lm, _prompts()) if check.is_broken]
    except ModelError as error:
        return Row(model_type, architecture, Result.REFUSED, _short(str(error)))
    except Exception as error:  # noqa: BLE001 a traceback is what the table must not have
        return Row(model_type, architecture, Result.BREAKS, _short(f"{type(error).__name__}: {error}"))
    if broken:
        return Row(model_type, architecture, Result.BREAKS, _short("; ".join(broken)))
    notes = {CacheUse.SHARED: "", CacheUse.OWN: "; no shared prefix", CacheUse.NONE: "; no usable cache, slow"}
    return Row(model_type, architecture, Result.OBEYS, ", ".join(sites) + notes[lm.cache_use])


def _is_encoder_decoder(model_type: str) -> bool:
    try:
        return bool(CONFIG_MAPPING[model_type]().is_encoder_decoder)
    except Exception:  # noqa: BLE001 a kind whose parts have no defaults
        return False


@cache
def _tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    words = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{f"w{n}": n for n in range(3, VOCABULARY)}}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")),
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
    )


def _prompts() -> list[Prompt]:
    draws = torch.Generator().manual_seed(1)
    shared = torch.randint(3, VOCABULARY, (6,), generator=draws).tolist()
    own = [torch.randint(3, VOCABULARY, (length,), generator=draws).tolist() for length in (1, 3, 7, 9, 14)]
    return [Prompt(f"q{n}", (*shared, *ids)) for n, ids in enumerate(own)]


def _short(text: str) -> str:
    plain = re.sub(r"\s+", " ", text)
    return plain if len(plain) <= _LONGEST else plain[:_LONGEST].rstrip() + " …"
