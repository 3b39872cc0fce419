"""An OpenAI-compatible endpoint that judges or locates: bounded in tries and time, its key in the environment."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from truthmap.errors import ModelError, UsageError

KEY_VARIABLE = "TRUTHMAP_ENDPOINT_KEY"
"""Environment variable with the key; a key is never a setting, for settings are written down."""
_RETRIED = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
_UNANSWERABLE = frozenset((400, 413, 422))
_LARGEST_REPLY = 1 << 20
_LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class Endpoint:
    """A model behind `POST {url}/chat/completions`.

    Attributes:
        url: Where the API begins, such as `http://127.0.0.1:8000/v1`.
        model: The model's name there.
        max_tokens: Longest reply, in tokens.
        tries: How often one prompt is sent at most.
        timeout: Seconds that one try may take.
        parallel: Prompts under way at once.
        sleep: What waits between two tries.
    """

    url: str
    model: str
    max_tokens: int = 48
    tries: int = 4
    timeout: float = 60.0
    parallel: int = 4
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @classmethod
    def of(cls, name: str) -> Endpoint:
        """Read `http://host:port/v1#model`, the form in which a judge or locator is named.

        Raises:
            UsageError: it names no model, or is no http(s) address.
        """
        address, _, model = name.partition("#")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or not model:
            raise UsageError(f"{name!r} names no endpoint: expected http(s)://host/v1#model")
        if parts.username or parts.password:
            raise UsageError(f"an endpoint's key does not go into its address: set {KEY_VARIABLE} instead")
        return cls(address.rstrip("/"), model)

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer prompts, in order; an empty string where the endpoint refuses a prompt.

        Raises:
            ModelError: it cannot be reached, refuses the key, or fails as often as is tried.
        """
        with ThreadPoolExecutor(max_workers=self.parallel) as pool:
            return list(pool.map(self._ask, prompts))

    def _ask(self, prompt: str) -> str:
        fault = ""
        for number in range(self.tries):
            if number:
                self.sleep(min(2.0 ** (number - 1), _LONGEST_WAIT))
            try:
                return self._send(prompt)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in _UNANSWERABLE:
                    return ""
                fault = f"status {error.code}"
                if error.code not in _RETRIED:
                    raise self._failure(fault, number + 1) from error
            except (OSError, http.client.HTTPException) as error:
                fault = f"{type(error).__name__}: {error}"
        raise self._failure(fault, self.tries)

    def _send(self, prompt: str) -> str:
        content = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": self.max_tokens,
            "temperature": 0,
        }
        headers = {"Content-Type": "application/json"}
        key = os.environ.get(KEY_VARIABLE)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(  # noqa: S310 — `of` lets http and https through only
            f"{self.url}/chat/completions", json.dumps(content).encode(), headers, method="POST"
        )
        with _OPENER.open(request, timeout=self.timeout) as response:
            return read_completion(response.read(_LARGEST_REPLY))

    def _failure(self, fault: str, tries: int) -> ModelError:
        return ModelError(
            f"the endpoint {self.url} gave no answer ({fault}, {tries} tries); see that it runs, and that "
            f"{KEY_VARIABLE} holds its key if it wants one; then start the same command again to go on"
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key elsewhere."""

    def redirect_request(self, *_args: Any, **_keywords: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def read_completion(body: bytes) -> str:
    """Give the text of a chat completion; an empty string where the body holds none."""
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""
