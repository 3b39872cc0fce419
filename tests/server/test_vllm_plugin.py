"""The plugin for a vLLM that is already there: its server's replies carry what our own server says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from tests.in_process_vllm import stand_in_here
from tests.server.test_on_vllm import QUESTIONS, SETTINGS, Installed, like

from truthmap.detector.detector import Detector
from truthmap.detector.verdict import token_rows, verdict_row
from truthmap.server.on_vllm import VllmServing
from truthmap.server.vllm_plugin import DETECTOR, VerdictMiddleware


class Client:
    """vLLM's engine, as its server has it, over the stand-in."""

    def __init__(self, model: str, dtype: str, defaults: dict[str, Any]) -> None:
        from vllm import LLM

        self.model_config = SimpleNamespace(model=model, dtype=dtype, get_diff_sampling_param=lambda: defaults)
        self._told: dict[str, list[Any]] = {}
        self._llm = LLM(
            model, revision=None, trust_remote_code=False, dtype=dtype, seed=0, max_model_len=120,
            tensor_parallel_size=1, distributed_executor_backend="uni", enable_prefix_caching=True,
            skip_tokenizer_init=True, logprobs_mode="raw_logprobs", enforce_eager=True, enable_chunked_prefill=False,
            worker_extension_cls="truthmap.answers.engines.vllm_heads.HeadReader",
        )  # fmt: skip

    async def collective_rpc(self, method: str, args: tuple[Any, ...]) -> list[Any]:
        return self._llm.collective_rpc(method, args)

    async def generate(self, prompt: dict[str, list[int]], params: Any, number: str) -> AsyncIterator[list[int]]:
        engine, own = self._llm.llm_engine, self._told.setdefault(number, [])
        engine.add_request(number, prompt, params)
        while not own or not own[-1].finished:
            for output in engine.step():
                self._told[output.request_id].append(output)
            await asyncio.sleep(0)
        for output in own:
            yield list(output.outputs[0].token_ids)


def vllms_server(client: Client, detector: Detector) -> FastAPI:
    """Return as much of vLLM's server as the plugin stands before."""
    app, lm = FastAPI(), detector.lm
    app.state.engine_client = client

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(request: Request) -> Response:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        body = await request.json()
        if not body["messages"]:
            return JSONResponse({"error": {"message": "no messages"}}, 400)
        prompt_ids = list(lm.prompt_encoder.chat_ids(body["messages"]))
        params = SamplingParams(
            max_tokens=body.get("max_tokens", 10), ignore_eos=False, detokenize=True, temperature=0,
            output_kind=RequestOutputKind.DELTA, extra_args=body.get("vllm_xargs"), stop_token_ids=sorted(lm.stop_ids),
        )  # fmt: skip
        shown, ids = body.get("return_token_ids"), []

        async def events() -> AsyncIterator[str]:
            first = {"id": "1", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}
            yield f"data: {json.dumps({**first, **({'prompt_token_ids': prompt_ids} if shown else {})})}\n\n"
            async for new in client.generate({"prompt_token_ids": prompt_ids}, params, request.headers["x-number"]):
                ids.extend(new)
                choice = {"index": 0, "delta": {"content": lm.decode(new)}, "finish_reason": "stop"}
                yield f"data: {json.dumps({'choices': [{**choice, **({'token_ids': new} if shown else {})}]})}\n\n"
            yield "data: [DONE]\n\n"

        if body.get("stream"):
            return StreamingResponse(events(), media_type="text/event-stream")
        [_ async for _ in events()]
        told = {"prompt_token_ids": prompt_ids, "choices": [{"token_ids": ids}]} if shown else {"choices": [{}]}
        told["choices"][0] |= {"message": {"content": lm.decode(ids)}, "finish_reason": "stop"}
        return JSONResponse(told)

    return app


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def asking(tiny_detector: Detector) -> Iterator[Callable[..., Ask]]:
    """Return a maker of what asks a server with the plugin: bodies in, replies out, all at once."""

    def asking_with(defaults: dict[str, Any]) -> Ask:
        def ask(*bodies: dict[str, Any]) -> list[httpx.Response]:
            return asyncio.run(_ask_all(tiny_detector, defaults, bodies))

        return ask

    with stand_in_here(), pytest.MonkeyPatch.context() as patch:
        patch.setenv(DETECTOR, "tiny")
        yield asking_with


async def _ask_all(detector: Detector, defaults: dict[str, Any], bodies: Any) -> list[httpx.Response]:
    load: Callable[[str, str], VllmServing] = lambda _name, _model: VllmServing.of(detector, SETTINGS, Installed())  # noqa: E731
    app = vllms_server(Client(detector.lm.name, "float32", defaults), detector)
    app.add_middleware(VerdictMiddleware, load=load)
    async with app.router.lifespan_context(app):
        sent: list[Any] = []

        async def nothing() -> dict[str, str]:
            await asyncio.sleep(0 if not sent else 3600)
            sent.append(1)
            return {"type": "lifespan.startup"}

        async def told(message: Any) -> None:
            sent.append(message)

        life = asyncio.create_task(app({"type": "lifespan"}, nothing, told))
        while not any(isinstance(each, dict) for each in sent):
            await asyncio.sleep(0.01)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://vllm") as client:
            posts = [
                client.post("/v1/chat/completions", json=body, headers={"x-number": f"n{n}"})
                for n, body in enumerate(bodies)
            ]
            replies = await asyncio.gather(*posts)
        life.cancel()
    return list(replies)


def body_of(question: str, **more: object) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": 10,
        **more,
    }


def test_replies_and_streams_carry_the_verdict(asking: Callable[..., Ask], tiny_detector: Detector) -> None:
    wanted = tiny_detector.ask_batch(QUESTIONS[4:8])
    rows = [{**like(verdict_row(v)), "tokens": [like(row) for row in token_rows(v)]} for v in wanted]
    bodies = [body_of(v.question, stream=stream) for v in wanted for stream in (False, True)]
    replies = asking({})(*bodies)
    for row, verdict, whole, stream in zip(rows, wanted, replies[::2], replies[1::2], strict=True):
        assert whole.json()["truthmap"] == row
        assert whole.json()["choices"][0]["message"]["content"] == verdict.answer.text
        events = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: {")]
        assert [event["truthmap"] for event in events if "truthmap" in event] == [row]
        assert stream.text.endswith("data: [DONE]\n\n")
        assert "token_ids" not in whole.text + stream.text


def test_what_changes_the_answer_gets_no_verdict(asking: Callable[..., Ask]) -> None:
    ask = asking({})
    penal, drawn, empty, ids = ask(
        body_of(QUESTIONS[0], presence_penalty=1.0),
        {**body_of(QUESTIONS[0]), "temperature": None},
        {**body_of(""), "messages": []},
        body_of(QUESTIONS[0], return_token_ids=True),
    )
    assert penal.json()["truthmap"]["explanation"].endswith("the request sets presence_penalty")
    assert "sampled" in drawn.json()["truthmap"]["caveats"]  # vLLM's own temperature is 1
    assert (empty.status_code, "truthmap" in empty.json()) == (400, False)
    assert ids.json()["choices"][0]["token_ids"]
    (defaults,) = asking({"repetition_penalty": 1.1})(body_of(QUESTIONS[0]))
    assert "defaults set repetition_penalty" in defaults.json()["truthmap"]["explanation"]
