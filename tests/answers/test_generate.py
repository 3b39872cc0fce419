"""Generated states and answers are those of one plain forward pass, in every family, however the work is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from model_families import ALL, CONTEXT, FAMILIES, ROUNDING, hooks_of, language_model, sequences, traced_alone
from truthmap.answers import generate as generating
from truthmap.answers.decoding import Decoded, Decoder
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import NO_PREFIX
from truthmap.records import Answer, Site

SETTINGS = GenerateSettings(max_new_tokens=16)
SAMPLING = replace(SETTINGS, temperature=1.0, top_p=0.95)


def prompts(shared: int = 12, samples: int = 1) -> list[Prompt]:
    return [Prompt(f"q{n}", ids, k) for n, ids in enumerate(sequences(shared)) for k in range(samples)]


def answered(lm: LanguageModel, asked: Sequence[Prompt], settings: GenerateSettings) -> dict[tuple[str, int], Answer]:
    batches = generate_answers(lm, asked, settings)
    return {(answer.question_id, answer.sample): answer for batch in batches for answer in batch.answers}


def with_states(lm: LanguageModel, settings: GenerateSettings, *sites: Site) -> list[GeneratedBatch]:
    return list(generate_answers(lm, prompts(), settings, sites))


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("family", ALL)
def test_states_of_generated_tokens_are_those_of_one_forward_pass(family: str, share: bool) -> None:
    lm = language_model(family)
    seen = 0
    for batch in with_states(lm, replace(SETTINGS, share_prefix=share), Site.RESIDUAL):
        assert batch.states is not None
        for n, answer in enumerate(batch.answers):
            whole = traced_alone(lm, answer.prompt_ids + answer.answer_ids)
            kept = batch.states.states[Site.RESIDUAL][:, n, : 1 + len(answer.answer_ids)]
            torch.testing.assert_close(kept, whole[:, len(answer.prompt_ids) - 1 :], **ROUNDING)
            seen += 1
    assert seen == 5


@pytest.mark.parametrize("family", FAMILIES)
def test_each_answer_is_the_likeliest_continuation(family: str) -> None:
    lm = language_model(family)
    for answer in answered(lm, prompts(), SETTINGS).values():
        with torch.inference_mode():
            logits = lm.model(torch.tensor([answer.prompt_ids + answer.answer_ids])).logits[0]
        before = logits[len(answer.prompt_ids) - 1 : -1]
        assert answer.answer_ids == tuple(before.argmax(dim=-1).tolist())
        own = torch.log_softmax(before, dim=-1)[range(len(answer.answer_ids)), list(answer.answer_ids)]
        torch.testing.assert_close(torch.tensor(answer.log_probs), own, **ROUNDING)
        closed = answer.answer_ids[-1] in lm.stop_ids
        assert answer.finished == closed
        assert closed or len(answer.answer_ids) == SETTINGS.max_new_tokens
        assert not set(answer.answer_ids[:-1]) & lm.stop_ids


@pytest.mark.parametrize("site", [Site.MLP, Site.MLP_POST, Site.ATTENTION])
@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "bloom"])
def test_the_other_sites_are_kept_as_truly(family: str, site: Site) -> None:
    lm = language_model(family)
    for batch in with_states(lm, SETTINGS, site):
        assert batch.states is not None
        for n, answer in enumerate(batch.answers):
            whole = traced_alone(lm, answer.prompt_ids + answer.answer_ids, site)[:, len(answer.prompt_ids) - 1 :]
            torch.testing.assert_close(batch.states.states[site][:, n, : len(whole[0])], whole, **ROUNDING)


def test_answers_depend_on_no_batch_prefix_or_kept_states() -> None:
    lm = language_model("llama")
    alone = answered(lm, prompts(), replace(SETTINGS, batch_tokens=1, share_prefix=False))
    ids = {key: answer.answer_ids for key, answer in alone.items()}
    for settings in (SETTINGS, replace(SETTINGS, batch_tokens=80), replace(SETTINGS, share_prefix=False)):
        assert {key: answer.answer_ids for key, answer in answered(lm, prompts(), settings).items()} == ids
    kept = [answer for batch in with_states(lm, SETTINGS, Site.RESIDUAL) for answer in batch.answers]
    assert {(answer.question_id, 0): answer.answer_ids for answer in kept} == ids
    assert len({len(i) for i in ids.values()}) > 1, "rows must leave at different steps for this test to say anything"


@pytest.mark.parametrize("budget", [1, 60, 200, 10_000])
def test_rows_that_are_read_at_once_keep_to_the_budget(budget: int) -> None:
    lm, asked = language_model("llama"), prompts()
    with shapes_read(lm) as shapes:
        batches = list(generate_answers(lm, asked, replace(SETTINGS, batch_tokens=budget, share_prefix=False)))
    longest = min(len(p.prompt_ids) for p in asked) + SETTINGS.max_new_tokens
    assert max(rows for rows, _ in shapes) <= max(1, budget // longest)
    assert len([answer for batch in batches for answer in batch.answers]) == len(asked)


@contextmanager
def shapes_read(lm: LanguageModel) -> Iterator[list[tuple[int, int]]]:
    """Note rows and tokens of each forward pass inside the `with`."""
    shapes: list[tuple[int, int]] = []
    embeddings = lm.model.get_input_embeddings()
    noting = embeddings.register_forward_hook(lambda _module, inputs, _output: shapes.append(tuple(inputs[0].shape)))
    try:
        yield shapes
    finally:
        noting.remove()


LIMITS = [12, 3, 7, 1, 9, 4, 12, 2, 5]
"""How long nine answers may get: they leave at different steps."""


@pytest.mark.parametrize(("sites", "settings"), [((), SAMPLING), ((Site.RESIDUAL,), SETTINGS)])
@pytest.mark.parametrize("family", ["llama", "gpt2", "bloom", "falcon", "mixtral", "gemma2, window", "mistral, window"])
def test_rows_that_join_others_say_and_hold_what_they_do_alone(
    family: str, sites: tuple[Site, ...], settings: GenerateSettings
) -> None:
    lm, asked = language_model(family), [*prompts(), *prompts(shared=5)][: len(LIMITS)]
    decoder = Decoder(lm, NO_PREFIX, settings, sites, joins_from=0)
    seen: set[int] = set()
    for decoded in list(decoder.decode(asked, [3] * len(asked), LIMITS)):
        for n, (place, row) in enumerate(zip(decoded.places, decoded.rows, strict=True)):
            ((alone,),) = [each.rows for each in decoder.decode([asked[place]], [1], [LIMITS[place]])]
            assert row.ids == alone.ids
            seen.add(place)
            if decoded.states is not None:
                whole = traced_alone(lm, (*asked[place].prompt_ids, *row.ids))
                kept = decoded.states.states[Site.RESIDUAL][:, n, : 1 + len(row.ids)]
                torch.testing.assert_close(kept, whole[:, len(asked[place].prompt_ids) - 1 :], **ROUNDING)
    assert seen == set(range(len(asked)))


def test_rows_of_long_answers_join_others_unless_the_cache_forbids_it() -> None:
    asked = [*prompts(), *prompts(shared=5)][: len(LIMITS)]
    steps = {}
    for family in ("llama", "gemma2, window"):
        lm = language_model(family)
        list(Decoder(lm, NO_PREFIX, SETTINGS, ()).decode(asked[:1], [1]))  # tried once for a model
        with shapes_read(lm) as shapes:
            list(Decoder(lm, NO_PREFIX, SETTINGS, (), joins_from=0).decode(asked, [3] * len(asked), LIMITS))
        steps[family] = sum(tokens == 1 for _, tokens in shapes)
    waiting = sum(max(LIMITS[n : n + 3]) - 1 for n in (0, 3, 6))
    assert steps["gemma2, window"] == waiting
    assert steps["llama"] < waiting


def test_progress_counts_every_answer_once() -> None:
    told: list[int] = []
    list(generate_answers(language_model("llama"), prompts(), replace(SETTINGS, batch_tokens=90), (), told.append))
    assert told == sorted(set(told))
    assert told[-1] == 5


@pytest.mark.parametrize("family", ["llama", "gemma2", "bloom"])
def test_samples_depend_neither_on_the_batch_nor_on_who_else_is_asked(family: str) -> None:
    lm, asked = language_model(family), prompts(samples=6)
    together = {key: answer.answer_ids for key, answer in answered(lm, asked, SAMPLING).items()}
    assert len(set(together.values())) > 20, "samples must differ for this test to say anything"
    small = answered(lm, asked, replace(SAMPLING, batch_tokens=70))
    assert {key: answer.answer_ids for key, answer in small.items()} == together
    for part in (asked[1::3], asked[::-2]):  # shards, in whatever order
        assert {k: a.answer_ids for k, a in answered(lm, part, SAMPLING).items()} == {
            (p.question_id, p.sample): together[p.question_id, p.sample] for p in part
        }


def test_samples_of_one_prompt_keep_their_own_states() -> None:
    lm = language_model("llama")
    for batch in generate_answers(lm, prompts(samples=4), SAMPLING, (Site.RESIDUAL,)):
        assert batch.states is not None
        assert [answer.key for answer in batch.answers] == list(batch.states.ids)
        for n, answer in enumerate(batch.answers):
            whole = traced_alone(lm, answer.prompt_ids + answer.answer_ids)[:, len(answer.prompt_ids) - 1 :]
            torch.testing.assert_close(batch.states.states[Site.RESIDUAL][:, n, : len(whole[0])], whole, **ROUNDING)


def test_another_seed_gives_other_samples_but_no_greedy_answers() -> None:
    lm = language_model("llama")
    one, other = answered(lm, prompts(), SAMPLING), answered(lm, prompts(), replace(SAMPLING, seed=1))
    assert {a.answer_ids for a in one.values()} != {a.answer_ids for a in other.values()}
    assert answered(lm, prompts(), SETTINGS) == answered(lm, prompts(), replace(SETTINGS, seed=1))


def test_prompts_without_room_come_back_with_the_reason() -> None:
    lm = language_model("gpt2")
    long = Prompt("long", sequences(0, (CONTEXT - SETTINGS.max_new_tokens + 1,))[0])
    fits = Prompt("fits", long.prompt_ids[1:])
    empty = Prompt("empty", ())
    answers = answered(lm, [long, fits, empty], SETTINGS)
    assert len(answers) == 3
    for asked in (long, empty):
        answer = answers[asked.question_id, 0]
        assert answer.fault == "prompt_too_long"
        assert (answer.prompt_ids, answer.answer_ids, answer.finished) == (asked.prompt_ids, (), False)
    assert answers["fits", 0].fault is None
    assert len(answers["fits", 0].answer_ids) > 0


def test_when_memory_runs_out_the_batch_is_halved_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = language_model("llama")
    whole = {key: answer.answer_ids for key, answer in answered(lm, prompts(), SETTINGS).items()}
    tried = memory_for(2, monkeypatch)
    states = 0
    found = {}
    for batch in generate_answers(lm, prompts(), SETTINGS, (Site.RESIDUAL,)):
        assert batch.states is not None
        states += len(batch.states.ids)
        found.update({(answer.question_id, 0): answer.answer_ids for answer in batch.answers})
    assert found == whole
    assert states == 5
    assert tried == [5, 3, 2]


def test_when_memory_does_not_hold_one_answer_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_for(0, monkeypatch)
    with pytest.raises(ModelError, match=r"memory of cpu does not hold one answer being generated: .*--dtype"):
        answered(language_model("llama"), prompts(), SETTINGS)


def memory_for(rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make more than `rows` rows at once run out of memory; give the list that notes how many were tried."""
    tried: list[int] = []

    class Cramped(Decoder):
        def decode(
            self, asked: Sequence[Prompt], most: Sequence[int], limits: Sequence[int] | None = None
        ) -> Iterator[Decoded]:
            tried.append(max(most))
            if max(most) > rows:
                raise torch.OutOfMemoryError("simulated")
            yield from super().decode(asked, most, limits)

    monkeypatch.setattr(generating, "Decoder", Cramped)
    return tried


def test_no_hook_stays_behind_even_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = language_model("llama")
    before = hooks_of(lm)
    monkeypatch.setattr("truthmap.answers.decoding.sample_tokens", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        with_states(lm, SETTINGS, Site.RESIDUAL, Site.MLP_POST)
    assert hooks_of(lm) == before


@pytest.mark.parametrize("sites", [(), (Site.RESIDUAL,)])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_chosen_token_costs_one_row_of_the_output_head(
    family: str, sites: tuple[Site, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LanguageModel, "stop_ids", frozenset(range(0, 10_000, 3)))
    lm = replace(language_model(family))  # whose own stop ids are not kept yet
    passed = []
    head = lm.model.get_output_embeddings()
    counting = head.register_forward_hook(lambda _module, _inputs, output: passed.append(output.shape[0]))
    try:
        batches = with_states(lm, replace(SETTINGS, share_prefix=False), *sites)
    finally:
        counting.remove()
    answers = [answer for batch in batches for answer in batch.answers]
    assert len({len(answer.answer_ids) for answer in answers}) > 1, "the rows must end at different steps"
    assert sum(passed) == sum(len(answer.answer_ids) for answer in answers)
