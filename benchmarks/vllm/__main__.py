"""Answer the same prompts by plain vLLM, with truthmap's states and with `extract_hidden_states` written to files."""

from __future__ import annotations

import json
import os
import subprocess  # this Python, with fixed arguments
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from truthmap.answers.engines.vllm_engine import VllmEngine
from truthmap.answers.engines.vllm_launch import VllmLaunch
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.capture.engine_capture import EngineCapture
from truthmap.capture.gather import gather
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.grading.token_spans import locate_positions
from truthmap.lm.load import load_model, model_source
from truthmap.lm.meta_model import meta_model
from truthmap.lm.model import LanguageModel
from truthmap.lm.rounding import relative_difference
from truthmap.positions import PAPER, LocatedPositions
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.records import Answer, Site
from truthmap.store.shards import StateShard

N, NEW_TOKENS, ROUNDS = 128, 24, 2
_RESIDUAL = (Site.RESIDUAL,)
_SETTINGS = GenerateSettings(max_new_tokens=NEW_TOKENS)


def main() -> None:
    """Measure and print a table."""
    lm = load_model("smollm2")
    questions = load_questions("cities", QuestionSettings(limit=N))
    prompts = [Prompt(q.id, lm.question_ids(q, questions.task)) for q in questions.questions]
    plain, _ = _timed(lm, prompts, (), _answer)
    ours, (answers, shard) = _timed(lm, prompts, _RESIDUAL, _answer)
    extracted = _extracted(prompts, sorted(lm.stop_ids), lm.n_layers)
    assert shard is not None
    started = time.perf_counter()
    wanted = capture_states(lm, answers, _located(answers), _RESIDUAL, CaptureSettings())
    transformers = time.perf_counter() - started
    again, _ = _timed(lm, prompts, _RESIDUAL, lambda engine, _prompts, _sites: _capture(engine, answers))
    difference = relative_difference(shard.states[Site.RESIDUAL], wanted.states[Site.RESIDUAL])
    print("| | seconds | of plain vLLM |\n|---|--:|--:|")
    for name, seconds in (
        (f"plain vLLM, {N} answers of at most {NEW_TOKENS} tokens", plain),
        ("with the states of 15 positions, all layers", ours),
        ("`extract_hidden_states`, all layers, whole sequences to files", extracted),
        ("reading the answers once more, transformers", transformers),
        ("reading the answers once more, vLLM (start not counted)", again),
    ):
        print(f"| {name} | {seconds:.1f} | {seconds / plain:.2f}× |")
    print(f"\nStates kept on the way differ from transformers' by {difference:.1g} at most.")


Do = Callable[[VllmEngine, Sequence[Prompt], tuple[Site, ...]], "tuple[list[Answer], StateShard | None]"]


def _timed(
    lm: LanguageModel, prompts: Sequence[Prompt], sites: tuple[Site, ...], do: Do
) -> tuple[float, tuple[list[Answer], StateShard | None]]:
    """Return the better of some rounds, the start of vLLM not counted, and what came of it."""
    longest = max(len(p.prompt_ids) for p in prompts) + NEW_TOKENS
    launch = VllmLaunch(model_source("smollm2"), None, "float32", trust_remote_code=False, longest=longest, sites=sites)
    engine = VllmEngine(meta_model(lm), launch)
    try:
        do(engine, prompts[:4], sites)
        rounds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            found = do(engine, prompts, sites)
            rounds.append(time.perf_counter() - started)
    finally:
        engine.close()
    return min(rounds), found


def _answer(
    engine: VllmEngine, prompts: Sequence[Prompt], sites: tuple[Site, ...]
) -> tuple[list[Answer], StateShard | None]:
    (batch,) = engine.answer(prompts, _SETTINGS, sites)
    answers = list(batch.answers)
    return answers, None if batch.states is None else gather(batch.states, _located(answers))


def _capture(engine: VllmEngine, answers: Sequence[Answer]) -> tuple[list[Answer], StateShard]:
    return list(answers), EngineCapture(engine).capture(answers, _located(answers), _RESIDUAL)


def _located(answers: Sequence[Answer]) -> LocatedPositions:
    return LocatedPositions(PAPER, {a.key: locate_positions(a, None) for a in answers})


def _extracted(prompts: Sequence[Prompt], stop_ids: list[int], n_layers: int) -> float:
    script = Path(__file__).with_name("extract.py")
    with tempfile.TemporaryDirectory() as folder:
        asked = {
            "model": model_source("smollm2"),
            "prompts": [list(p.prompt_ids) for p in prompts],
            "stop_ids": stop_ids,
            "new_tokens": NEW_TOKENS,
            "layers": n_layers,
            "rounds": ROUNDS,
            "folder": folder,
        }
        done = subprocess.run(  # no part of it comes from outside
            [sys.executable, str(script)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(script.parent), os.environ.get("PYTHONPATH", "")])},
        )
    return float(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
