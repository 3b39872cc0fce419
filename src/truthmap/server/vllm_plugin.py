"""A plugin for a vLLM that is already there: the replies of its own server carry the verdict in `truthmap`.

TRUTHMAP_DETECTOR=… VLLM_USE_V2_MODEL_RUNNER=0 vllm serve MODEL --enforce-eager \
        --worker-extension-cls truthmap.answers.engines.vllm_heads.HeadReader \
        --middleware truthmap.server.vllm_plugin.VerdictMiddleware
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool

from truthmap.answers.engines.vllm import VllmSettings
from truthmap.detector.detector import load_detector
from truthmap.errors import ModelError, TruthmapError, UsageError
from truthmap.server.on_vllm import VllmServing
from truthmap.server.plugin_verdicts import PluginVerdicts, Watched, no_verdict
from truthmap.server.serve_settings import ServeSettings

DETECTOR = "TRUTHMAP_DETECTOR"
"""Environment variable: the detector's folder, URL or name on the hub."""
_PATH = "/v1/chat/completions"
_MOST_BYTES = 1 << 23
"""A longer request goes on as it is."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class VerdictMiddleware:
    """Stands before vLLM's server (`--middleware`).

    Args:
        app: What it stands before.
        load: Loads the detector of a name for a model; by default `VllmServing` of both.
    """

    def __init__(self, app: App, load: Callable[[str, str], VllmServing] | None = None) -> None:
        self._app, self._load = app, load or load_serving
        self._verdicts: PluginVerdicts | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Hand a request on, and its reply back."""
        if scope["type"] == "lifespan":
            try:
                await self._start(scope["app"].state)
            except TruthmapError as error:
                await receive()
                await send({"type": "lifespan.startup.failed", "message": f"truthmap: {error}"})
                return
        asked = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == _PATH
        length = next((v for k, v in scope.get("headers", ()) if k == b"content-length"), b"")
        if self._verdicts is None or not asked or not length.isdigit() or int(length) > _MOST_BYTES:
            await self._app(scope, receive, send)
            return
        await self._answer(self._verdicts, scope, receive, send)

    async def _start(self, state: Any) -> None:
        name = os.environ.get(DETECTOR)
        if not name:
            raise UsageError(f"the environment variable {DETECTOR} must name a detector")
        if getattr(getattr(state, "args", None), "api_server_count", 1) not in (None, 1):
            raise UsageError("the plugin needs one server process: leave --api-server-count out")
        serving = await run_in_threadpool(self._load, name, str(state.engine_client.model_config.model))
        verdicts = PluginVerdicts(serving, state.engine_client)
        await verdicts.start()
        self._verdicts = verdicts

    async def _answer(
        self, verdicts: PluginVerdicts, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        body = _json(content)
        watched = await verdicts.watch(body) if isinstance(body, dict) else None
        hides = isinstance(body, dict) and not (_json(content) or {}).get("return_token_ids")
        reply = _Reply(verdicts, watched, send, hides=hides)
        sent = json.dumps(body).encode() if isinstance(watched, Watched) else content
        headers = [(k, v) for k, v in scope["headers"] if k != b"content-length"]
        scope = {**scope, "headers": [*headers, (b"content-length", str(len(sent)).encode())]}
        messages = iter([{"type": "http.request", "body": sent, "more_body": False}])

        async def given() -> Message:
            return next(messages, None) or await receive()

        try:
            await self._app(scope, given, reply.take)
        finally:
            if isinstance(watched, Watched):
                # An answer that was broken off may still be written to for a moment.
                late = 0.0 if reply.is_judged else 5.0
                asyncio.get_running_loop().call_later(late, verdicts.release, watched)


@dataclass
class _Reply:
    """A reply on its way back: the verdict is put in.

    Attributes:
        verdicts: Gives it.
        watched: What was asked; or why there is no verdict; `None`: the reply goes as it is.
        send: Where it goes.
        hides: The client did not ask for token ids.
        is_judged: It has its verdict.
    """

    verdicts: PluginVerdicts
    watched: Watched | str | None
    send: Send
    hides: bool
    is_judged: bool = False
    _head: Message | None = None
    _rest: bytes = b""
    _prompt_ids: list[int] = field(default_factory=list)
    _ids: list[int] = field(default_factory=list)
    _stopped_at: object = None
    _is_complete: bool = False
    _first: dict[str, Any] = field(default_factory=dict)

    async def take(self, message: Message) -> None:
        """Send a message on."""
        if message["type"] == "http.response.start":
            self._head = message
            kind = dict(message.get("headers", ())).get(b"content-type", b"")
            if message["status"] != 200 or not kind.startswith((b"application/json", b"text/ev")):
                self.watched = None
            if self.watched is None or kind.startswith(b"text/ev"):
                self._head = None
                await self.send(message)
        elif message["type"] != "http.response.body" or self.watched is None:
            await self.send(message)
        elif self._head is not None:
            await self._whole(self._head, message)
        else:
            self._rest += message.get("body", b"")
            *events, self._rest = self._rest.split(b"\n\n")
            done = b"".join([await self._event(event) for event in events])
            end = not message.get("more_body", False)
            await self.send({**message, "body": done + (self._rest if end else b"")})

    async def _whole(self, head: Message, message: Message) -> None:
        self._rest += message.get("body", b"")
        if message.get("more_body", False):
            return
        content = _json(self._rest)
        if isinstance(content, dict) and len(content.get("choices", ())) == 1:
            self._note(content)
            content["truthmap"] = await self._judged()
            self._rest = json.dumps(content, ensure_ascii=False).encode()
        headers = [(k, v) for k, v in head.get("headers", ()) if k.lower() != b"content-length"]
        await self.send({**head, "headers": [*headers, (b"content-length", str(len(self._rest)).encode())]})
        await self.send({"type": "http.response.body", "body": self._rest})

    async def _event(self, event: bytes) -> bytes:
        """Return an event of a stream as it is sent on; before the last one comes the verdict."""
        if event == b"data: [DONE]":
            told = {**self._first, "object": "chat.completion.chunk", "choices": [], "truthmap": await self._judged()}
            return b"data: " + json.dumps(told, ensure_ascii=False).encode() + b"\n\n" + event + b"\n\n"
        content = _json(event.removeprefix(b"data: "))
        if not event.startswith(b"data: ") or not isinstance(content, dict):
            return event + b"\n\n"
        self._first = self._first or {k: content[k] for k in ("id", "created", "model") if k in content}
        self._note(content)
        return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"

    def _note(self, content: dict[str, Any]) -> None:
        """Take note of the tokens, and take them out where the client did not ask for them."""
        self._prompt_ids.extend(self._taken(content, "prompt_token_ids"))
        for choice in content.get("choices", ()):
            self._ids.extend(self._taken(choice, "token_ids"))
            self._stopped_at = choice.get("stop_reason") or self._stopped_at
            self._is_complete |= choice.get("finish_reason") is not None

    def _taken(self, content: dict[str, Any], name: str) -> list[int]:
        return (content.pop(name, None) if self.hides else content.get(name)) or []

    async def _judged(self) -> Any:
        if not isinstance(self.watched, Watched):
            return no_verdict(str(self.watched))
        if not self._is_complete:
            return no_verdict("the answer was broken off")
        cut = isinstance(self._stopped_at, str)
        found = await self.verdicts.verdict(self.watched, self._prompt_ids, self._ids, cut=cut)
        self.is_judged = True
        return found


def load_serving(name: str, model: str) -> VllmServing:
    """Load a detector and its model, which is read once, on the CPU, and put away again.

    Raises:
        TruthmapError: they cannot be loaded, or the model is not the sealed one.
    """
    loaded = load_detector(name, model, device="cpu")
    if not loaded.lm.asks_in_chat:
        raise ModelError("the detector's model is asked without a chat template, which vLLM's chat completions need")
    return VllmServing.of(loaded, ServeSettings(), VllmSettings())


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
