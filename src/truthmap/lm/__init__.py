"""A loaded model: its prompt format, its blocks, its hooks."""

from __future__ import annotations

from truthmap.lm.batches import cut_into_batches
from truthmap.lm.blocks import Blocks, Tap
from truthmap.lm.builtin import BUILTIN
from truthmap.lm.classifier import EntailmentModel, load_entailment
from truthmap.lm.hollow import release_memory, without_weights
from truthmap.lm.hooks import rows_passing, watched
from truthmap.lm.load import load_model, model_source, pick_device, pick_dtype
from truthmap.lm.memory import HalvedBatches
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import NO_PREFIX, Prefix, forward_inputs, shared_prefix, shortest_window
from truthmap.lm.settings import LoadSettings
from truthmap.lm.sizes import Sizes, measure_sizes

__all__ = [
    "BUILTIN",
    "NO_PREFIX",
    "Blocks",
    "EntailmentModel",
    "HalvedBatches",
    "LanguageModel",
    "LoadSettings",
    "Prefix",
    "Sizes",
    "Tap",
    "cut_into_batches",
    "forward_inputs",
    "load_entailment",
    "load_model",
    "measure_sizes",
    "model_source",
    "pick_device",
    "pick_dtype",
    "release_memory",
    "rows_passing",
    "shared_prefix",
    "shortest_window",
    "watched",
    "without_weights",
]
