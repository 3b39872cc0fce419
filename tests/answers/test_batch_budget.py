"""Long answers are generated in batches that memory has room for, and in no smaller ones than `batch_tokens` gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_families import LAYERS, WIDTH, language_model, sequences
from truthmap.answers.batch_budget import answer_budget, states_fit_on_the_way
from truthmap.answers.engines.local import LocalEngine
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.execution.estimate import forecast
from truthmap.lm.sizes import measure_sizes
from truthmap.records import Site
from truthmap.study.sections import StatesSection

PROMPTS = [Prompt(f"q{n}", ids) for n, ids in enumerate(sequences(0, (6,) * 100))]
LONG = GenerateSettings(max_new_tokens=50, batch_tokens=400)
RESIDUAL = (Site.RESIDUAL,)


def room_for(rows: int, sites: tuple[Site, ...]) -> int:
    """Return the memory of a machine whose share holds the longest answers of so many rows."""
    sizes = measure_sizes(language_model("llama"), sites)
    token = sizes.cache_token + LAYERS * sum(sizes.state.values())
    return sizes.weights + 8 * 56 * rows * token


def answered(settings: GenerateSettings) -> tuple[int, dict[str, tuple[int, ...]]]:
    """Return the most rows that the model read at once, and each prompt's answer."""
    lm, rows = language_model("llama"), []
    embeddings = lm.model.get_input_embeddings()
    counting = embeddings.register_forward_hook(lambda _module, inputs, _output: rows.append(len(inputs[0])))
    try:
        batches = list(generate_answers(lm, PROMPTS, settings))
    finally:
        counting.remove()
    return max(rows), {answer.question_id: answer.answer_ids for batch in batches for answer in batch.answers}


def test_short_answers_keep_to_the_tokens_of_a_batch() -> None:
    settings = GenerateSettings(max_new_tokens=1, batch_tokens=8192)
    assert answer_budget(language_model("llama"), PROMPTS, settings, ()) == 8192


@pytest.mark.parametrize(("memory_rows", "budget_rows"), [(2, 7), (7, 7), (20, 20), (64, 64), (1000, 64)])
def test_long_answers_get_the_rows_that_memory_holds(memory_rows: int, budget_rows: int) -> None:
    settings = replace(LONG, memory=room_for(memory_rows, ()))
    assert answer_budget(language_model("llama"), PROMPTS, settings, ()) // 56 == budget_rows


def test_prompts_are_read_within_the_tokens_of_a_batch() -> None:
    settings = replace(LONG, batch_tokens=80, memory=room_for(1000, ()))
    assert answer_budget(language_model("llama"), PROMPTS, settings, ()) // 56 == 80 // 6


def test_a_batch_has_as_many_rows_as_the_budget_and_the_same_answers() -> None:
    large = replace(LONG, memory=room_for(1000, ()))
    small = replace(LONG, memory=0)
    rows, said = zip(*(answered(settings) for settings in (large, small)), strict=True)
    assert rows[0] > 40 > 7 == rows[1]
    assert said[0] == said[1]


def test_states_of_every_token_are_read_later_where_they_would_halve_the_batch() -> None:
    lm = language_model("llama")
    sizes = measure_sizes(lm, RESIDUAL)
    assert LAYERS * sizes.state[Site.RESIDUAL] >= sizes.cache_token, "states weigh at least as much as keys and values"
    assert sizes.state[Site.RESIDUAL] == 4 * WIDTH
    tight = replace(LONG, memory=room_for(40, ()))
    assert not states_fit_on_the_way(lm, PROMPTS, tight, (*RESIDUAL, Site.MLP, Site.ATTENTION))
    assert states_fit_on_the_way(lm, PROMPTS, replace(LONG, memory=room_for(1000, RESIDUAL)), RESIDUAL)
    assert states_fit_on_the_way(lm, PROMPTS, tight, ())


def test_the_estimate_says_that_states_come_in_a_second_pass() -> None:
    engine = LocalEngine(language_model("llama"))
    tight, ample = (replace(LONG, memory=room_for(rows, ())) for rows in (40, 4000))
    kept = StatesSection(sites=(*RESIDUAL, Site.MLP, Site.ATTENTION))
    said = forecast(engine, PROMPTS, tight, kept, 0)
    assert said.second_pass
    assert str(said).endswith(
        "states in a second pass (those of every answer token would take too much memory on the way)"
    )
    assert not forecast(engine, PROMPTS, ample, kept, 0).second_pass
