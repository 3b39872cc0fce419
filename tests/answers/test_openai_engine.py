"""An endpoint as engine: its texts in the local model's tokens, with the local model's log-probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WORDS
from tests.scripted import Script, Scripted, Server, scripted
from tests.thinkers import scripted_model

from truthmap.answer_parts import final_answer, thought_text
from truthmap.answers.engines.openai_engine import REFUSED, EndpointEngine, read_reply
from truthmap.answers.log_likelihood import score_tokens
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.endpoint import Endpoint
from truthmap.errors import ModelError
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer, Message

SETTINGS = GenerateSettings(max_new_tokens=10)


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model), LoadSettings(device="cpu"))


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model), LoadSettings(device="cpu", prompt_format="plain"))


def asked(lm: LanguageModel, count: int) -> list[Prompt]:
    texts = [f"Which {n} is {n * 104729 % 997}?" for n in range(count)]
    if lm.asks_in_chat:
        return [Prompt(f"q{n}", lm.prompt_ids(text), text=text) for n, text in enumerate(texts)]
    return [Prompt(f"q{n}", lm.prompt_ids("", text), text=text) for n, text in enumerate(texts)]


def says(text: str | None, finish: str = "stop", tokens: int | None = None) -> Scripted:
    choice = {"message": {"content": text}, "text": text, "finish_reason": finish}
    return Scripted(body={"choices": [choice], "usage": {"prompt_tokens": tokens}})


def answered(
    lm: LanguageModel, script: Script, prompts: list[Prompt], settings: GenerateSettings = SETTINGS
) -> tuple[dict[str, Answer], list[str], Server]:
    """Return the answers by question id, the news, and the server."""
    news: list[str] = []
    with scripted(script) as server:
        endpoint = Endpoint(server.url, "TEST_KEY", sleep=lambda _: None)
        engine = EndpointEngine(lm, endpoint, "tiny", 512, news.append)
        found = {a.question_id: a for batch in engine.answer(prompts, settings) for a in batch.answers}
        engine.close()
    return found, news, server


def test_words_come_back_in_the_tokens_that_wrote_them(lm: LanguageModel) -> None:
    words = [ids[0] for ids in (lm.encode(f" {word}") for word in WORDS) if len(ids) == 1]
    assert len(words) > 10
    prompts = asked(lm, 30)
    said = {
        p.text: tuple(words[(7 * n + 3 * k) % len(words)] for k in range(1 + n % 10)) for n, p in enumerate(prompts)
    }

    def script(path: str, content: Any) -> Scripted:
        ids = said[content["messages"][0]["content"]]
        return says(lm.decode(ids), "stop" if len(ids) < 10 else "length")

    found, _, server = answered(lm, script, prompts)
    for prompt in prompts:
        ids, answer = said[prompt.text], found[prompt.question_id]
        assert answer.answer_ids == (ids if len(ids) == 10 else (*ids, lm.closing_id))
        assert answer.finished == (len(ids) < 10)
        assert (answer.text, answer.offsets) == (lm.decode(ids), lm.offsets(answer.answer_ids))
    assert {(c["model"], c["max_tokens"], c["temperature"]) for c in server.sent} == {("tiny", 10, 0.0)}
    assert all("seed" not in content for content in server.sent)


def test_log_probs_are_the_local_models_of_the_tokenised_text(lm: LanguageModel) -> None:
    found, _, _ = answered(lm, lambda path, content: says("Paris is the city"), asked(lm, 3))
    for answer in found.values():
        assert answer.text == "Paris is the city"
        assert answer.answer_ids == (*lm.encode("Paris is the city"), lm.closing_id)
        (score,) = score_tokens(lm, [(answer.prompt_ids, answer.answer_ids)], 512)
        assert answer.log_probs == pytest.approx(score.log_probs, abs=1e-4)


def test_cut_off_answers_are_not_closed_and_long_ones_are_cut(lm: LanguageModel) -> None:
    found, _, _ = answered(lm, lambda path, content: says("Paris", "length"), asked(lm, 1))
    assert (found["q0"].answer_ids, found["q0"].finished) == (lm.encode("Paris"), False)
    long = " city" * 50
    found, _, _ = answered(lm, lambda path, content: says(long), asked(lm, 1))
    assert (found["q0"].answer_ids, found["q0"].finished) == (lm.encode(long)[:10], False)


def test_an_empty_answer_is_the_closing_token_or_nothing(lm: LanguageModel) -> None:
    found, _, _ = answered(lm, lambda path, content: says(None), asked(lm, 1))
    assert (found["q0"].answer_ids, found["q0"].text) == ((lm.closing_id,), "")
    found, _, _ = answered(lm, lambda path, content: says(None, "length"), asked(lm, 1))
    assert (found["q0"].answer_ids, found["q0"].log_probs, found["q0"].finished) == ((), (), False)


def test_names_of_special_tokens_and_broken_characters_are_mere_text(lm: LanguageModel) -> None:
    settings = GenerateSettings(max_new_tokens=40)
    found, _, _ = answered(lm, lambda path, content: says("a<eos>b\ud800"), asked(lm, 1), settings)
    answer = found["q0"]
    assert answer.text == "a<eos>b�"
    assert answer.answer_ids.count(lm.closing_id) == 1
    assert answer.answer_ids[-1] == lm.closing_id


def test_a_base_model_gets_the_whole_prompt_and_ends_with_the_line(plain: LanguageModel) -> None:
    prompts = asked(plain, 1)

    def script(path: str, content: Any) -> Scripted:
        assert path == "/v1/completions"
        assert content["prompt"] == prompts[0].text
        return says("\n\n Paris.\nQ: Which is", "length")

    found, _, _ = answered(plain, script, prompts)
    assert (found["q0"].text, found["q0"].finished) == ("\n\n Paris.\n", True)


def test_a_chat_is_sent_what_comes_before_the_question(lm: LanguageModel) -> None:
    opening = (Message("system", "Be brief."), Message("user", "Paris?"), Message("assistant", "France"))
    prompts = [Prompt("q", lm.prompt_ids("Peru?", opening=opening), text="Peru?", opening=opening)]
    _, _, server = answered(lm, lambda path, content: says("Peru"), prompts)
    said = [(message["role"], message["content"]) for message in server.sent[0]["messages"]]
    assert said == [("system", "Be brief."), ("user", "Paris?"), ("assistant", "France"), ("user", "Peru?")]


def test_draws_are_seeded_by_seed_question_and_sample(lm: LanguageModel) -> None:
    settings = GenerateSettings(max_new_tokens=10, temperature=0.7, top_p=0.9, seed=3)
    prompts = [Prompt(p.question_id, p.prompt_ids, sample, p.text) for p in asked(lm, 2) for sample in (1, 2)]
    _, _, server = answered(lm, lambda path, content: says("Peru"), prompts, settings)
    _, _, again = answered(lm, lambda path, content: says("Peru"), prompts, settings)
    seeds = {content["seed"] for content in server.sent}
    assert seeds == {content["seed"] for content in again.sent}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert {(content["temperature"], content["top_p"]) for content in server.sent} == {(0.7, 0.9)}


def test_prompts_too_long_or_refused_are_unscored_with_a_reason(lm: LanguageModel) -> None:
    prompts = asked(lm, 4)
    long = Prompt("long", prompts[0].prompt_ids * 20, text="long")
    refusals = {
        prompts[1].text: Scripted(400, {"error": {"code": "context_length_exceeded"}}),
        prompts[2].text: Scripted(413),
        prompts[3].text: Scripted(400, {"error": {"code": "content_filter", "message": "no"}}),
    }
    found, _, server = answered(
        lm, lambda path, content: refusals.get(content["messages"][0]["content"], says("Peru")), [*prompts, long]
    )
    faults = {i: answer.fault for i, answer in found.items()}
    assert faults == {
        "q0": None, "q1": "prompt_too_long", "q2": "prompt_too_long", "q3": REFUSED, "long": "prompt_too_long",
    }  # fmt: skip
    assert len(server.sent) == 4, "what cannot fit is not sent"


def test_a_request_that_is_not_understood_stops_the_run(lm: LanguageModel) -> None:
    refused = Scripted(400, {"error": {"message": "unknown field max_tokens"}})
    with pytest.raises(ModelError, match=r"refuses what it is sent \(status 400: unknown field max_tokens\).* 'tiny'"):
        answered(lm, lambda path, content: refused, asked(lm, 1))


def test_another_number_of_prompt_tokens_is_told_once(lm: LanguageModel) -> None:
    _, news, _ = answered(lm, lambda path, content: says("Peru", tokens=3), asked(lm, 5))
    assert len(news) == 1
    assert news[0].startswith("the endpoint read 3 tokens for question q0, the prompt here has")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<html>", "is not JSON: the address may lack its /v1"),
        (b"[" * 99999, "is not JSON"),
        (b"[]", "is no completion"),
        (b"7", "is no completion"),
        (b'{"choices": []}', "is no completion"),
        (b'{"choices": [{"message": 7}]}', "is no completion"),
        (b'{"choices": [{"message": {"content": 7}}]}', "has a text that is none"),
        (b'{"choices": [{"text": ["a"]}]}', "has a text that is none"),
    ],
)
def test_a_body_that_is_no_completion_is_refused(body: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_reply(body)


def test_a_thought_that_comes_apart_stands_before_the_answer_again() -> None:
    lm = scripted_model("qwen3", "", prompt_length=1)
    prompt = Prompt("q", lm.prompt_ids("Capital?"), text="Capital?")
    message = {"content": "Canberra.", "reasoning_content": "Sydney? No."}
    reply = Scripted(body={"choices": [{"message": message, "finish_reason": "stop"}]})
    found, _, server = answered(lm, lambda *_: reply, [prompt], GenerateSettings(max_new_tokens=80))
    answer = found["q"]
    assert lm.thought_tags.written_out(answer.answer_ids) == ("<think>Sydney? No.\n</think>\n\nCanberra.<|im_end|>")
    assert (thought_text(answer), final_answer(answer).text) == ("Sydney? No.", "Canberra.")
    assert "chat_template_kwargs" not in server.sent[0]


def test_an_endpoint_is_told_whether_to_think() -> None:
    quiet = scripted_model("qwen3", "", prompt_length=1).at_once
    prompt = Prompt("q", quiet.prompt_ids("Capital?"), text="Capital?")
    _, _, server = answered(quiet, lambda *_: says("Canberra."), [prompt])
    assert server.sent[0]["chat_template_kwargs"] == {"enable_thinking": False}
    with pytest.raises(ModelError, match="leave --thinking out"):
        answered(scripted_model("deepseek_r1", "", prompt_length=1).at_once, lambda *_: says("x"), [])
