"""The official `openai` client talks to the server unchanged, and reads the score in the extra field."""

from __future__ import annotations

import asyncio
import re

import httpx
import openai
import pytest

from truthmap.detector.detector import Detector
from truthmap.server.parse_request import model_id


@pytest.fixture
def client(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="not asked for", max_retries=0)


def require_no_claim(verdict: dict, caveat: str) -> None:
    """See that a verdict claims nothing, and says why."""
    assert caveat in verdict["caveats"]
    assert verdict["asked_as_trained"] is False
    assert [verdict[name] for name in ("trusted", "p_wrong", "p_wrong_before", "guarantee")] == [None] * 4
    assert "guarantee" not in verdict["explanation"]


def messages(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def test_a_completion_carries_the_verdict(client: openai.OpenAI, tiny_detector: Detector) -> None:
    name = client.models.list().data[0].id
    assert name == model_id(tiny_detector)
    asked = tiny_detector.ask_batch([f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(240, 264)])
    wanted = next(verdict for verdict in asked if not verdict.caveats)
    reply = client.chat.completions.create(model=name, messages=messages(wanted.question))
    assert reply.choices[0].message.content == wanted.answer.text
    assert reply.choices[0].finish_reason in ("stop", "length")
    assert reply.usage is not None
    assert reply.usage.completion_tokens == len(wanted.answer.answer_ids)
    assert reply.usage.prompt_tokens == len(wanted.answer.prompt_ids)
    verdict = reply.model_extra["truthmap"]
    assert verdict["p_wrong"] == pytest.approx(wanted.p_wrong, abs=1e-3)
    assert verdict["trusted"] is wanted.trusted is not None
    assert verdict["explanation"].startswith("of 100 answers scored like this")
    assert verdict["caveats"] == []
    assert verdict["out_of_distribution"] is wanted.out_of_distribution
    assert verdict["asked_as_trained"] is True
    assert [token["token"] for token in verdict["tokens"]] == list(wanted.answer.answer_ids)


def test_a_stream_is_the_same_answer_with_a_score_per_token(client: openai.OpenAI, tiny_detector: Detector) -> None:
    wanted = tiny_detector.ask("Which 2 is 62?")
    stream = client.chat.completions.create(
        model=model_id(tiny_detector),
        messages=messages("Which 2 is 62?"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == wanted.answer.text
    scored = [c.model_extra["truthmap"] for c in chunks if c.choices and "truthmap" in c.model_extra]
    scores = [token["score"] for token in scored if "tokens" not in token]
    assert not any("p_wrong" in token for token in scored if "tokens" not in token)
    assert scores == pytest.approx([token.score for token in wanted.tokens], abs=1e-3)
    final = next(c for c in chunks if c.choices and c.choices[0].finish_reason)
    assert final.model_extra["truthmap"]["p_wrong"] == pytest.approx(wanted.p_wrong, abs=1e-3)
    assert chunks[-1].usage.completion_tokens == len(wanted.answer.answer_ids)


def test_50_clients_at_once_get_each_their_own_answer(address: str, tiny_detector: Detector) -> None:
    questions = [f"Which {n} is {n * 17}?" for n in range(50)]
    wanted = {verdict.question: verdict for verdict in tiny_detector.ask_batch(questions)}
    assert len({verdict.answer.text for verdict in wanted.values()}) > 20  # so that a mix-up would be seen

    async def ask(client: openai.AsyncOpenAI, question: str, *, stream: bool) -> tuple[str, float]:
        made = await client.chat.completions.create(
            model=model_id(tiny_detector), messages=messages(question), stream=stream
        )
        if not stream:
            return made.choices[0].message.content or "", made.model_extra["truthmap"]["score"]
        chunks = [chunk async for chunk in made]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        return text, chunks[-1].model_extra["truthmap"]["score"]

    async def everybody() -> list[tuple[str, float]]:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="-", max_retries=0) as client:
            return await asyncio.gather(*(ask(client, q, stream=n % 2 == 0) for n, q in enumerate(questions)))

    for question, (text, score) in zip(questions, asyncio.run(everybody()), strict=True):
        assert text == wanted[question].answer.text
        assert score == pytest.approx(wanted[question].score, abs=1e-3)
    # Those that waited together shared a batch.
    counted = httpx.get(f"{address}/metrics").text.splitlines()
    sizes = {line.partition(" ")[0]: float(line.split()[-1]) for line in counted if line.startswith("truthmap_batch")}
    assert sizes["truthmap_batch_size_sum"] / sizes["truthmap_batch_size_count"] > 2


def test_the_answer_ends_at_a_stop_text(client: openai.OpenAI, tiny_detector: Detector) -> None:
    wanted = tiny_detector.ask("Which 1 is 31?").answer.text
    stop = wanted[len(wanted) // 2 : len(wanted) // 2 + 3]
    reply = client.chat.completions.create(
        model=model_id(tiny_detector), messages=messages("Which 1 is 31?"), stop=[stop]
    )
    assert reply.choices[0].message.content == wanted[: wanted.index(stop)]
    assert reply.choices[0].finish_reason == "stop"
    chunks = client.chat.completions.create(
        model=model_id(tiny_detector), messages=messages("Which 1 is 31?"), stop=[stop], stream=True
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == wanted[: wanted.index(stop)]


def test_drawn_answers_depend_on_the_seed_alone(client: openai.OpenAI, tiny_detector: Detector) -> None:
    def draw(seed: int) -> str:
        reply = client.chat.completions.create(
            model=model_id(tiny_detector), messages=messages("Which 1 is 31?"), temperature=1.5, seed=seed
        )
        require_no_claim(reply.model_extra["truthmap"], "sampled")
        return reply.choices[0].message.content or ""

    drawn = {seed: draw(seed) for seed in range(4)}
    assert {seed: draw(seed) for seed in range(4)} == drawn
    assert len(set(drawn.values())) > 1


def test_a_conversation_is_marked_as_unlike_the_training(client: openai.OpenAI, tiny_detector: Detector) -> None:
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Which city?"}]},
        {"role": "assistant", "content": "Paris"},
        {"role": "user", "content": "Which country?"},
    ]
    reply = client.chat.completions.create(model=model_id(tiny_detector), messages=conversation)
    verdict = reply.model_extra["truthmap"]
    require_no_claim(verdict, "other_prompt")
    assert verdict["question"] == "Which country?"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_cut_by_the_client_carries_no_claim(
    client: openai.OpenAI, tiny_detector: Detector, stream: bool
) -> None:
    whole = tiny_detector.ask("Which 1 is 31?").answer.text
    for limits in ({"max_tokens": 4}, {"stop": [whole[len(whole) // 2 :][:3]]}):
        reply = client.chat.completions.create(
            model=model_id(tiny_detector), messages=messages("Which 1 is 31?"), stream=stream, **limits
        )
        chunks = list(reply) if stream else [reply]
        told = [chunk.model_extra["truthmap"] for chunk in chunks if "truthmap" in chunk.model_extra]
        require_no_claim(told[-1], "other_length")
        for early in (chunk["verdict"] for chunk in told if "verdict" in chunk):
            require_no_claim(early, "other_length")


@pytest.mark.parametrize("limit", [10, *(pytest.param(limit, marks=pytest.mark.slow) for limit in (12, 60))])
def test_a_client_may_leave_an_answer_more_room(client: openai.OpenAI, tiny_detector: Detector, limit: int) -> None:
    question, wanted = next(
        (verdict.question, verdict)
        for verdict in tiny_detector.ask_batch([f"Which {n} is {n * 31}?" for n in range(80)], limit)
        if len(verdict.answer.answer_ids) < 10 or limit == 10
    )
    reply = client.chat.completions.create(model=model_id(tiny_detector), messages=messages(question), max_tokens=limit)
    assert reply.model_extra["truthmap"]["asked_as_trained"] is wanted.asked_as_trained is True


def test_candidates_of_its_own_can_come_with_a_question(client: openai.OpenAI, tiny_detector: Detector) -> None:
    text = tiny_detector.ask("Which 3 is 93?").answer.text
    word = re.findall(r"\b[A-Za-z]+\b", text)[-1]
    reply = client.chat.completions.create(
        model=model_id(tiny_detector),
        messages=messages("Which 3 is 93?"),
        extra_body={"truthmap": {"candidates": [word]}},
    )
    assert reply.model_extra["truthmap"]["exact_answer"] == word


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "there is no model 'gpt-9' here"),
        ({"n": 2}, openai.BadRequestError, "n = 2 is not offered"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, openai.BadRequestError, "must be the user's"),
        ({"temperature": 9}, openai.BadRequestError, "temperature"),
        ({"logprobs": True}, openai.BadRequestError, "logprobs"),
        ({"max_tokens": 100_000}, openai.APIStatusError, "an answer of 100000 tokens is too long"),
        ({"messages": messages("Which " * 200)}, openai.APIStatusError, "longer than the model can read"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    client: openai.OpenAI, tiny_detector: Detector, changes: dict, status: type[Exception], message: str
) -> None:
    request = {"model": model_id(tiny_detector), "messages": messages("Which?"), **changes}
    with pytest.raises(status, match=message):
        client.chat.completions.create(**request)
