"""Speaking to an OpenAI-compatible endpoint: bounded in tries, time, size and requests at once.

Its key comes from the environment; what comes back is untrusted text.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from truthmap.errors import ModelError, UsageError

if TYPE_CHECKING:
    import httpx

Result = TypeVar("Result")

_RETRIED = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
_REFUSING = frozenset((400, 413, 422))
_LARGEST_REPLY = 1 << 20  # bytes
_LONGEST_BACK_OFF = 30.0  # seconds
_LONGEST_WAIT = 120.0
"""Seconds that an endpoint may ask us to wait before we rather stop."""
_SHOWN = 300  # characters of a message of the endpoint's
_SHOWN_MODELS = 8


@dataclass(frozen=True)
class Endpoint:
    """Where an API is, and how much it is asked of.

    Attributes:
        url: Where the API begins, such as `http://127.0.0.1:8000/v1`.
        key_variable: The environment variable with its key; a key is never a setting, for settings are written down.
        tries: How often one request is sent at most.
        timeout: Seconds that one try may take.
        parallel: Requests under way at once.
        sleep: What waits between two tries; by default a wait that ends when another request has failed for good.
    """

    url: str
    key_variable: str
    tries: int = 5
    timeout: float = 120.0
    parallel: int = 4
    sleep: Callable[[float], object] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Refusal:
    """An endpoint's no to one request: the status, its own code for the reason (may be empty), and its words."""

    status: int
    code: str
    message: str


def checked_url(url: str, key_variable: str) -> str:
    """Return an endpoint's address in its usual form.

    Raises:
        ValueError: it is no http(s) address, or has a key in it.
    """
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError(f"an endpoint's key does not go into its address: set {key_variable} instead")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} names no endpoint: expected http(s)://host/v1")
    return url.rstrip("/")


def send_all(
    endpoint: Endpoint,
    path: str,
    contents: Sequence[Mapping[str, Any]],
    read: Callable[[bytes], Result],
    on_progress: Callable[[int], None] | None = None,
) -> list[Result | Refusal]:
    """Send requests, several at once, and give what comes back in their order.

    Passing faults (429, 5xx, a lost connection) are tried again with growing waits, or the one that is asked for.

    Args:
        endpoint: Where to.
        path: What of the API, such as `/chat/completions`.
        contents: The JSON of each request.
        read: Reads the body of a reply; a `ValueError` says what is wrong with it.
        on_progress: Called with how many requests are done so far.

    Raises:
        ModelError: the endpoint cannot be reached, takes no such key or model, sends what cannot be read, or fails as
            often as is tried; requests under way are ended first.
    """
    import httpx

    sender = _Sender(endpoint, path, read)
    limits = httpx.Limits(max_connections=endpoint.parallel)
    with (
        httpx.Client(headers=_headers(endpoint), timeout=endpoint.timeout, limits=limits) as client,
        ThreadPoolExecutor(max_workers=endpoint.parallel) as pool,
    ):
        under_way: list[Future[Result | Refusal]] = [pool.submit(sender.send, client, content) for content in contents]
        try:
            for done, future in enumerate(as_completed(under_way), 1):
                future.result()
                if on_progress is not None:
                    on_progress(done)
        except BaseException as error:
            sender.stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, CancelledError):  # another one has failed and is still to be seen
                raise sender.failures[0] from None
            raise
    return [future.result() for future in under_way]


def _headers(endpoint: Endpoint) -> dict[str, str]:
    # Compressed replies could unfold to any size.
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    key = os.environ.get(endpoint.key_variable, "").strip()
    if not key:
        return headers
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"the key in {endpoint.key_variable} has characters that no header can hold; set it anew")
    return {**headers, "Authorization": f"Bearer {key}"}


@dataclass(frozen=True)
class _Sender(Generic[Result]):
    """Sends the requests of one call; once `stopping` is set, no more tries are made.

    `failures` holds what stopped it, if that was a failure.
    """

    endpoint: Endpoint
    path: str
    read: Callable[[bytes], Result]
    stopping: threading.Event = field(default_factory=threading.Event)
    failures: list[ModelError] = field(default_factory=list)

    def send(self, client: httpx.Client, content: Mapping[str, Any]) -> Result | Refusal:
        """Send one request as often as it takes.

        Raises:
            ModelError: it fails for good.
            CancelledError: another request has.
        """
        import httpx

        body = json.dumps(content).encode()
        fault, tries, wait = "", 0, 0.0
        while tries < self.endpoint.tries:
            if tries:
                (self.endpoint.sleep or self.stopping.wait)(max(wait, min(2.0 ** (tries - 1), _LONGEST_BACK_OFF)))
            if self.stopping.is_set():
                raise CancelledError
            tries, wait = tries + 1, 0.0
            try:
                with client.stream("POST", self.endpoint.url + self.path, content=body) as response:
                    received = self._received(response)
            except (httpx.HTTPError, httpx.StreamError) as error:
                fault = f"{type(error).__name__}: {error}"
                continue
            if 200 <= response.status_code < 300:
                return self._readable(received, tries)
            error_body = _read_error(received)
            if response.status_code in _REFUSING:
                return Refusal(response.status_code, error_body.code, self._without_key(error_body.message))
            fault = f"status {response.status_code}" + (f": {error_body.message}" if error_body.message else "")
            if response.status_code not in _RETRIED:
                raise self._failure(fault, tries, self._models(client) if response.status_code == 404 else "")
            wait = _retry_after(response.headers.get("Retry-After"))
            if wait > _LONGEST_WAIT:
                raise self._failure(f"{fault}; it asks to wait {wait:.0f} s", tries)
        raise self._failure(fault, tries)

    def _received(self, response: httpx.Response) -> bytes:
        """Return the body of a response, as it comes."""
        import httpx

        received, until = bytearray(), time.monotonic() + self.endpoint.timeout
        for chunk in response.iter_raw():
            received += chunk
            if len(received) > _LARGEST_REPLY:
                raise self._failure(f"its reply is larger than {_LARGEST_REPLY:,} bytes", 1)
            if time.monotonic() > until:
                raise httpx.ReadTimeout(f"the reply was not whole after {self.endpoint.timeout:g} s")
        return bytes(received)

    def _readable(self, body: bytes, tries: int) -> Result:
        try:
            return self.read(body)
        except ValueError as error:
            raise self._failure(f"its reply {_shown(body)!r} {error}", tries) from error

    def _models(self, client: httpx.Client) -> str:
        """Name the models that the endpoint offers, if it says so."""
        import httpx

        try:
            with client.stream("GET", f"{self.endpoint.url}/models") as response:
                names = [str(model["id"]) for model in json.loads(self._received(response))["data"]]
        except (httpx.HTTPError, httpx.StreamError, ValueError, LookupError, TypeError, RecursionError):
            return ""
        return f"; it has {', '.join(names[:_SHOWN_MODELS])[:_SHOWN]}" if names else ""

    def _failure(self, fault: str, tries: int, hint: str = "") -> ModelError:
        failure = ModelError(
            self._without_key(
                f"the endpoint {self.endpoint.url} gave no answer ({fault}, {tries} tries){hint}; see that it runs, "
                f"that address and model are right, and that {self.endpoint.key_variable} holds its key if it wants "
                "one; then start the same command again to go on"
            )
        )
        self.failures.append(failure)
        self.stopping.set()
        return failure

    def _without_key(self, text: str) -> str:
        key = os.environ.get(self.endpoint.key_variable, "").strip()
        return text.replace(key, "…") if key else text


@dataclass(frozen=True)
class _ErrorBody:
    """What an endpoint says of a fault: its code and its words, either may be empty."""

    code: str
    message: str


def _read_error(body: bytes) -> _ErrorBody:
    """Read the body of a refused request, in any of the usual forms."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return _ErrorBody("", _shown(body))
    error = content.get("error", content) if isinstance(content, dict) else content
    if not isinstance(error, dict):
        return _ErrorBody("", _one_line(str(error)) if error else "")
    message = error.get("message") or error.get("detail") or ""
    return _ErrorBody(str(error.get("code") or ""), _one_line(str(message)))


def _shown(body: bytes) -> str:
    return _one_line(body[: 4 * _SHOWN].decode("utf-8", "replace"))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


def _retry_after(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks to wait: it holds a number of them, or a date."""
    if header is None:
        return 0.0
    if header.strip().isdecimal():
        return float(header)
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
