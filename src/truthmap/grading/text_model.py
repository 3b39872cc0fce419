"""Models that answer prompts, as judges and locators do: here, or at an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from truthmap.endpoint import Endpoint, Refusal, checked_url, send_all
from truthmap.errors import UsageError
from truthmap.records import Answer, Question, Reply

KEY_VARIABLE = "TRUTHMAP_ENDPOINT_KEY"
"""Environment variable with the key of an endpoint that judges or locates."""
SAME = "same"
"""Names the studied model as judge or locator."""


class TextModel(Protocol):
    """A model that answers prompts: the studied one, another local one, or one at an endpoint."""

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order; an empty string where there is no answer to a prompt."""
        ...


class Replying(Protocol):
    """A text model that says what a reply took, and which model it is."""

    @property
    def identity(self) -> str:
        """What tells it from any other model that could answer otherwise."""
        ...

    def replies(self, prompts: Sequence[str]) -> list[Reply]:
        """Answer each prompt, in order; with an empty text where there is no answer to a prompt."""
        ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What asking a model took.

    >>> str(Cost(asked=3, cached=1, tokens_in=900, tokens_out=6, seconds=1.25))
    '3 asked (900 tokens in, 6 out, 1.2 s), 1 known from before'

    Attributes:
        asked: Prompts that it answered.
        cached: Prompts whose reply was known.
        tokens_in: Tokens that it read.
        tokens_out: Tokens that it wrote.
        seconds: How long it was waited for.
    """

    asked: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        took = f"{self.tokens_in:,} tokens in, {self.tokens_out:,} out, {self.seconds:.1f} s"
        return f"{self.asked:,} asked ({took}), {self.cached:,} known from before"


@dataclass(frozen=True, slots=True)
class Graders:
    """Who grades, besides rules; `None` where nobody is named.

    Attributes:
        judge: Decides outcomes.
        locator: Copies exact answers.
        judge_name: What the judge is called in the evidence of a grade.
        judge_cost: Says what asking the judge took so far.
        judges_all: The judge is asked of every answer, also of those that say an accepted one in its own words.
        given: The function that a program gives, which decides outcomes.
    """

    judge: TextModel | None = None
    locator: TextModel | None = None
    judge_name: str = ""
    judge_cost: Callable[[], Cost] = Cost
    judges_all: bool = False
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
        schema: The JSON schema that a reply is to follow, where the endpoint can see to that (`response_format`); one
            that refuses it is asked without.
    """

    url: str
    model: str
    max_tokens: int = 48
    tries: int = 4
    timeout: float = 60.0
    parallel: int = 4
    sleep: Callable[[float], object] | None = field(default=None, repr=False)
    schema: Mapping[str, Any] | None = field(default=None, repr=False)

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

    @property
    def identity(self) -> str:
        """Address, name and form of its replies."""
        form = {"max_tokens": self.max_tokens, "schema": self.schema}
        return f"{self.url}#{self.model} {json.dumps(form, sort_keys=True)}"

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer prompts, in order; an empty string where the endpoint refuses a prompt.

        Raises:
            ModelError: it cannot be reached, refuses the key, or fails as often as is tried.
        """
        return [reply.text for reply in self.replies(prompts)]

    def replies(self, prompts: Sequence[str]) -> list[Reply]:
        """Answer prompts, in order, with what that took.

        Raises:
            ModelError: as in `ask`.
        """
        replies = self._send(prompts, self.schema)
        refused = [n for n, reply in enumerate(replies) if isinstance(reply, Refusal)]
        if refused and self.schema is not None:
            for n, reply in zip(refused, self._send([prompts[n] for n in refused], None), strict=True):
                replies[n] = reply
        return [Reply("") if isinstance(reply, Refusal) else reply for reply in replies]

    def _send(self, prompts: Sequence[str], schema: Mapping[str, Any] | None) -> list[Reply | Refusal]:
        endpoint = Endpoint(self.url, KEY_VARIABLE, self.tries, self.timeout, self.parallel, self.sleep)
        form = {} if schema is None else {"response_format": {"type": "json_schema", "json_schema": schema}}
        contents = [
            {
                "model": self.model,
                "messages": [{"role": "user", "content": prompt}],
                "max_tokens": self.max_tokens,
                "temperature": 0,
                **form,
            }
            for prompt in prompts
        ]
        return send_all(endpoint, "/chat/completions", contents, read_reply_body)


def read_reply_body(body: bytes) -> Reply:
    """Return the reply that a chat completion holds; with an empty text where the body holds none."""
    try:
        usage = json.loads(body)["usage"]
        counts = [usage["prompt_tokens"], usage["completion_tokens"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        counts = [0, 0]
    tokens_in, tokens_out = (n if isinstance(n, int) and n >= 0 else 0 for n in counts)
    return Reply(read_completion(body), tokens_in, tokens_out)


def read_completion(body: bytes) -> str:
    """Return the text of a chat completion; an empty string where the body holds none."""
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""
