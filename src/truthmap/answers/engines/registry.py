"""The engines: a line each."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from truthmap.answers.engines.base import EngineSettings
from truthmap.answers.engines.openai import OpenAISettings
from truthmap.answers.engines.transformers import TransformersSettings
from truthmap.answers.engines.vllm import VllmSettings

AnyEngine = Annotated[
    TransformersSettings  # the loaded model
    | VllmSettings  # a vLLM of its own, in a process of its own
    | OpenAISettings,  # an OpenAI-compatible endpoint that has the same model
    Field(discriminator="kind"),
]
"""The settings of any engine, told apart by their `kind`."""

ENGINES: dict[str, type[EngineSettings]] = {
    kind.model_fields["kind"].default: kind for kind in get_args(get_args(AnyEngine)[0])
}
"""The kinds by their names."""
