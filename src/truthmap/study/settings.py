"""A study's settings, handed to each room in the form it takes them."""

from __future__ import annotations

from truthmap.answers.generate import GenerateSettings
from truthmap.capture.second_pass import CaptureSettings
from truthmap.lm.load_settings import LoadSettings
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.recipes import recipe_named
from truthmap.questions.loading import QuestionSettings
from truthmap.questions.splits import SplitSettings
from truthmap.questions.tasks import Task
from truthmap.study.study import Study

SHARD = 128
"""Answers in a shard: a killed run repeats at most one, and a shard of a large model's states stays under 1 GB."""


def load_settings(study: Study) -> LoadSettings:
    """How to load the model."""
    return LoadSettings(
        revision=study.revision,
        device=study.device,
        dtype=study.dtype,
        device_map=study.device_map,
        quantization=study.quantization,
        trust_remote_code=study.trust_remote_code,
        prompt_format=study.prompt_format,
        blocks=study.blocks,
    )


def question_settings(study: Study) -> QuestionSettings:
    """Which questions to take."""
    return QuestionSettings(
        limit=study.limit,
        seed=study.seed,
        path=study.questions_file,
        split=study.questions_split,
        columns=study.columns,
        skip_bad=study.skip_bad,
    )


def split_settings(study: Study) -> SplitSettings:
    """How to split them."""
    return SplitSettings(seed=study.seed)


def generate_settings(study: Study, task: Task) -> GenerateSettings:
    """How to answer."""
    return GenerateSettings(max_new_tokens=study.max_new_tokens or task.max_new_tokens, batch_tokens=study.batch_tokens)


def capture_settings(study: Study) -> CaptureSettings:
    """How to capture states in a second pass."""
    return CaptureSettings(batch_tokens=study.batch_tokens)


def grid_settings(study: Study | None = None) -> GridSettings:
    """How to fit the probes; without a study the defaults, and no shuffles of the labels."""
    if study is None:
        return GridSettings(n_permutations=0)
    return GridSettings(
        protocol=study.protocol,
        n_permutations=study.permutations if recipe_named(study.protocol).info.has_null else 0,
        seed=study.seed,
        device=solver_device(study.device),
    )


def solver_device(device: str) -> str:
    """Return where the probes are fitted: on the study's CUDA device; else on the CPU (MPS has no float64)."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device if device.startswith("cuda") else "cpu"
