"""Answer the same prompts by plain vLLM, with truthmap's states, with its verdicts, and with states written to files.

`python -m benchmarks.vllm [DETECTOR]`: all are started first, then a round of each follows a round of the others.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from benchmarks._demo import demo_detector
from benchmarks.vllm.contenders import NEW_TOKENS, SETTINGS, Contender, Kept, Script, Served
from truthmap.answers.engines.vllm_engine import VllmEngine
from truthmap.answers.prompt import Prompt
from truthmap.capture.engine_capture import EngineCapture
from truthmap.capture.gather import gather
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.detector.detector import load_detector
from truthmap.grading.token_spans import locate_positions
from truthmap.lm.meta_model import meta_model
from truthmap.lm.rounding import relative_difference
from truthmap.positions import PAPER, LocatedPositions
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.records import Answer, Site
from truthmap.store.shards import StateShard

N, ROUNDS = 128, 3
_RESIDUAL = (Site.RESIDUAL,)


def main(paths: Sequence[str]) -> None:
    """Measure and print a table."""
    detector = load_detector(paths[0]) if paths else demo_detector()
    lm = detector.lm
    asked = load_questions("cities", QuestionSettings(limit=N))
    prompts = [Prompt(q.id, lm.question_ids(q, asked.task)) for q in asked.questions]
    stop_ids, bare = sorted(lm.stop_ids), meta_model(lm)
    answers, shard = _answer(Kept(bare, prompts, _RESIDUAL, lambda _: None), prompts)
    started = time.perf_counter()
    wanted = capture_states(lm, answers, _located(answers), _RESIDUAL, CaptureSettings())
    transformers = time.perf_counter() - started

    def read_again(engine: VllmEngine) -> None:
        EngineCapture(engine).capture(answers, _located(answers), _RESIDUAL)

    contenders: dict[str, Contender] = {
        f"plain vLLM, {N} answers of at most {NEW_TOKENS} tokens": Script(prompts, stop_ids, 0),
        "with a detector's verdicts, its heads read in the workers": Served(detector, asked.questions),
        f"with the states of {len(PAPER)} positions, all layers": Kept(
            bare, prompts, _RESIDUAL, lambda engine: _kept(engine, prompts)
        ),
        "`extract_hidden_states`, all layers, whole sequences to files": Script(prompts, stop_ids, lm.n_layers),
        "reading the answers once more, vLLM": Kept(bare, prompts, _RESIDUAL, read_again),
    }
    for each in contenders.values():
        each.round()  # what is computed first is slower
    took = {name: each.round() for name, each in contenders.items()}
    for _ in range(ROUNDS - 1):
        took = {name: took[name].better(each.round()) for name, each in contenders.items()}
    for each in contenders.values():
        each.close()
    plain = next(iter(took.values()))
    print("| | seconds | of plain vLLM | processor seconds | of plain vLLM |\n|---|--:|--:|--:|--:|")
    for name, least in took.items():
        seconds, processor = least.seconds / plain.seconds, least.processor / plain.processor
        print(f"| {name} | {least.seconds:.1f} | {seconds:.2f}× | {least.processor:.1f} | {processor:.2f}× |")
    print(f"\nReading the answers once more, transformers: {transformers:.1f} s.")
    difference = relative_difference(shard.states[Site.RESIDUAL], wanted.states[Site.RESIDUAL])
    print(f"States kept on the way differ from transformers' by {difference:.1g} at most.")


def _answer(kept: Kept, prompts: Sequence[Prompt]) -> tuple[list[Answer], StateShard]:
    try:
        return _kept(kept.engine, prompts)
    finally:
        kept.close()


def _kept(engine: VllmEngine, prompts: Sequence[Prompt]) -> tuple[list[Answer], StateShard]:
    (batch,) = engine.answer(prompts, SETTINGS, _RESIDUAL)
    answers = list(batch.answers)
    assert batch.states is not None
    return answers, gather(batch.states, _located(answers))


def _located(answers: Sequence[Answer]) -> LocatedPositions:
    return LocatedPositions(PAPER, {a.key: locate_positions(a, None) for a in answers})


if __name__ == "__main__":
    main(sys.argv[1:])
