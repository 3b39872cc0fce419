"""What every request passes first: host, key, size; and the headers that every reply carries."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truthmap.server.http_errors import HttpError
from truthmap.server.serve_settings import ServeSettings
from truthmap.server.telemetry import Telemetry

OPEN_PATHS = frozenset({"/", "/page.css", "/page.js", "/icon.svg", "/healthz"})
"""What is shown without a key: the page holds no secret, and asks for the key itself."""

PATHS = OPEN_PATHS | {"/v1/chat/completions", "/v1/score", "/v1/models", "/v1/detector", "/metrics"}
"""The paths that are counted by name; whatever else is asked for counts as one."""

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class SecurityMiddleware:
    """ASGI middleware around the whole application: checks and counts requests, and adds the security headers."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, telemetry: Telemetry) -> None:
        self._app, self._settings, self._telemetry = app, settings, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong with it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status: int | None = None
        started = time.monotonic()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *_encoded(SECURITY_HEADERS)]}
            await send(message)

        try:
            self._check(scope, headers)
            await self._app(scope, _limited(receive, self._settings), send_with_headers)
        except ClientDisconnect:
            pass  # whoever left needs no reply, and nobody else a traceback
        except HttpError as fault:
            if status is None:
                await _refuse(send_with_headers, fault)
        finally:
            path = scope["path"] if scope["path"] in PATHS else "other"
            self._telemetry.requests.labels(path=path, status=str(status or "none")).inc()
            self._telemetry.seconds.labels(path=path).observe(time.monotonic() - started)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        hosts = self._settings.hosts
        if hosts is not None and _host(headers.get("host", "")) not in hosts:
            raise HttpError(403, "this server is not addressed by that name; see --allow-host", "unknown_host")
        if self._settings.api_key is not None and scope["path"] not in OPEN_PATHS:
            scheme, _, key = headers.get("authorization", "").partition(" ")
            # In constant time: how long the answer takes must not say how much of a guess was right.
            fits = hmac.compare_digest(key.encode("utf-8"), self._settings.api_key.encode("utf-8"))
            if scheme.lower() != "bearer" or not fits:
                raise HttpError(401, "a valid API key is needed: Authorization: Bearer …", "invalid_api_key")
        if scope["method"] == "POST":
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                raise HttpError(415, "expected Content-Type: application/json", "unsupported_media_type")
            length = headers.get("content-length", "0")
            if not length.isdecimal() or int(length[:20]) > self._settings.max_body:
                raise _too_large(self._settings.max_body)


def _limited(receive: Receive, settings: ServeSettings) -> Receive:
    """Count what comes in, and the time until all of it has come: a body may come without its length, or never end."""
    taken, complete = 0, False
    deadline = time.monotonic() + settings.client_timeout

    async def counted() -> MutableMapping[str, Any]:
        nonlocal taken, complete
        try:
            # Once the body is there, this waits for the client to leave, and may wait as long as the answer takes.
            left = None if complete else max(0.0, deadline - time.monotonic())
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError as error:
            told = f"the body was not complete within {settings.client_timeout:g} seconds"
            raise HttpError(408, told, "request_timeout") from error
        complete = not message.get("more_body", False)
        taken += len(message.get("body", b""))
        if taken > settings.max_body:
            raise _too_large(settings.max_body)
        return message

    return counted


def _too_large(most: int) -> HttpError:
    return HttpError(413, f"the body is too large: at most {most} bytes are taken", "body_too_large")


def _host(header: str) -> str:
    name, colon, port = header.rpartition(":")
    return (name if colon and port.isdecimal() else header).lower()


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _refuse(send: Send, fault: HttpError) -> None:
    body = json.dumps(fault.body()).encode("utf-8")
    headers = {"content-type": "application/json", "content-length": str(len(body)), **fault.headers()}
    await send({"type": "http.response.start", "status": fault.status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body})
