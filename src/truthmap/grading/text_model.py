"""Models that answer prompts, as judges and locators do: here, or at an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from truthmap.endpoint import Endpoint, Refusal, checked_url, send_all
from truthmap.errors import UsageError
from truthmap.records import Answer, Question

KEY_VARIABLE = "TRUTHMAP_ENDPOINT_KEY"
"""Environment variable with the key of an endpoint that judges or locates."""
SAME = "same"
"""Names the studied model as judge or locator."""


class TextModel(Protocol):
    """A model that answers prompts: the studied one, another local one, or one at an endpoint."""

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order; an empty string where there is no answer to a prompt."""
        ...


@dataclass(frozen=True, slots=True)
class Graders:
    """Who grades, besides rules; `None` where nobody is named.

    Attributes:
        judge: The model that decides outcomes.
        locator: The model that copies exact answers.
        given: The function that a program gives, which decides outcomes.
    """

    judge: TextModel | None = None
    locator: TextModel | None = None
    given: Callable[[Question, Answer], Any] | None = None


NO_GRADERS = Graders()


@dataclass(frozen=True)
class EndpointTextModel:
    """A model behind `POST {url}/chat/completions`.

    Attributes:
        url: Where the API begins, such as `http://127.0.0.1:8000/v1`.
        model: The model's name there.
        max_tokens: Longest reply, in tokens.
        tries: How often one prompt is sent at most.
        timeout: Seconds that one try may take.
        parallel: Prompts under way at once.
        sleep: What waits between two tries, where it is not the usual wait.
    """

    url: str
    model: str
    max_tokens: int = 48
    tries: int = 4
    timeout: float = 60.0
    parallel: int = 4
    sleep: Callable[[float], object] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, name: str) -> EndpointTextModel:
        """Read `http://host:port/v1#model`, the form in which a judge or locator is named.

        Raises:
            UsageError: it names no model, or is no http(s) address.
        """
        address, _, model = name.partition("#")
        if not model:
            raise UsageError(f"{name!r} names no endpoint: expected http(s)://host/v1#model")
        try:
            return cls(checked_url(address, KEY_VARIABLE), model)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer prompts, in order; an empty string where the endpoint refuses a prompt.

        Raises:
            ModelError: it cannot be reached, refuses the key, or fails as often as is tried.
        """
        endpoint = Endpoint(self.url, KEY_VARIABLE, self.tries, self.timeout, self.parallel, self.sleep)
        contents = [
            {
                "model": self.model,
                "messages": [{"role": "user", "content": prompt}],
                "max_tokens": self.max_tokens,
                "temperature": 0,
            }
            for prompt in prompts
        ]
        replies = send_all(endpoint, "/chat/completions", contents, read_completion)
        return ["" if isinstance(reply, Refusal) else reply for reply in replies]


def read_completion(body: bytes) -> str:
    """Return the text of a chat completion; an empty string where the body holds none."""
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""
