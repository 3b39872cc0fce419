"""Getting answers, with the hidden states kept on the way where they are wanted and the engine can."""

from __future__ import annotations

from truthmap.answers.asker import LocalAsker
from truthmap.answers.choosing import choose_tokens
from truthmap.answers.decoding import Running
from truthmap.answers.endpoint_engine import EndpointEngine
from truthmap.answers.engine import Engine, LocalEngine
from truthmap.answers.generate import GeneratedBatch, GenerateSettings, Prompt, generate_answers
from truthmap.answers.ready import ready_answer
from truthmap.answers.scoring import TokenScores, next_token_log_probs, score_tokens
from truthmap.answers.vllm_engine import VllmEngine, VllmSettings, vllm_version

__all__ = [
    "EndpointEngine",
    "Engine",
    "GenerateSettings",
    "GeneratedBatch",
    "LocalAsker",
    "LocalEngine",
    "Prompt",
    "Running",
    "TokenScores",
    "VllmEngine",
    "VllmSettings",
    "choose_tokens",
    "generate_answers",
    "next_token_log_probs",
    "ready_answer",
    "score_tokens",
    "vllm_version",
]
