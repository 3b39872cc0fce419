"""An OpenAI-compatible endpoint as engine: texts go out, texts come back, and the local model reads them as its own.

The text that comes back is tokenised by the local model, and what it thinks of those tokens (log-probabilities, later
the states) is computed here: always of the model whose states are read, whatever the endpoint makes of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from truthmap.answers.log_likelihood import score_tokens
from truthmap.answers.prompt import GeneratedBatch, GenerateSettings, Prompt
from truthmap.answers.to_answer import PROMPT_TOO_LONG, answer_of, ends_answer, fits, unanswered
from truthmap.endpoint import Endpoint, Refusal, send_all
from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer, Message, Site
from truthmap.seeding import seed_from
from truthmap.thought_formats import THINK

_TOO_LONG = frozenset(("context_length_exceeded", "string_above_max_length"))
_FILTERED = frozenset(("content_filter", "content_policy_violation"))
REFUSED = "refused_by_endpoint"
"""Fault of an answer that the endpoint's own rules did not let through."""


@dataclass(frozen=True)
class EndpointReply:
    """What an endpoint says to a prompt.

    Attributes:
        text: The answer.
        finished: The model closed it itself.
        thought: What it thought before, where the endpoint tells that apart (`reasoning_content`).
        prompt_tokens: How many tokens the endpoint read, if it tells.
    """

    text: str
    finished: bool
    prompt_tokens: int | None
    thought: str = ""


class EndpointEngine:
    """The studied model behind an endpoint.

    Args:
        lm: The same model, loaded here.
        endpoint: Where the API is.
        model: The model's name there.
        batch_tokens: Tokens in one batch, padding included, where the answers are read.
        say: Shows a line of news.
    """

    ended = False
    reader = None
    scorer = None

    def __init__(
        self, lm: LanguageModel, endpoint: Endpoint, model: str, batch_tokens: int, say: Callable[[str], None]
    ) -> None:
        self._lm, self._endpoint, self._model = lm, endpoint, model
        self._batch_tokens, self._say = batch_tokens, say
        self._compared = False
        if lm.asks_in_chat and lm.prompt_encoder.ending:
            raise ModelError(
                f"how {lm.name} is told to think or not stands behind its prompts, which an endpoint writes itself: "
                "leave --thinking out, or use an engine that takes prompts as ids (transformers, vllm)"
            )
        if lm.asks_in_chat and lm.prompt_encoder.names_the_date:
            say(
                f"the chat template of {lm.name} names the date: {lm.settings.date} in the prompts here, the day of "
                "its own clock at the endpoint; an engine that takes prompts as ids (transformers, vllm) knows one day"
            )

    def answer(
        self,
        prompts: Sequence[Prompt],
        settings: GenerateSettings,
        sites: tuple[Site, ...] = (),  # noqa: ARG002 (states are captured from the tokenised answers)
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[GeneratedBatch]:
        """Answer prompts, all in one batch, without states.

        A chat model is sent the messages, a base model the whole prompt. Draws are seeded by (seed, question,
        sample); whether the endpoint heeds that is its own affair.

        Raises:
            ModelError: the endpoint fails or refuses what it is sent; the message says what to do.
        """
        lm = self._lm
        if lm.asks_in_chat and any(prompt.whole for prompt in prompts):
            raise ModelError(
                "some questions bring the whole prompt, which a chat endpoint puts into its template once more: "
                "generate with --engine transformers, or ask them as messages"
            )
        short = [p for p in prompts if fits(lm, p, settings)]
        path = "/chat/completions" if lm.asks_in_chat else "/completions"
        contents = [self._content(p, settings) for p in short]
        replies = send_all(self._endpoint, path, contents, read_reply, on_progress)
        self._compare_templates(short, replies)
        faults = [unanswered(p) for p in prompts if not fits(lm, p, settings)]
        said: list[_Retold] = []
        for prompt, reply in zip(short, replies, strict=True):
            if isinstance(reply, Refusal):
                faults.append(unanswered(prompt, self._fault(reply)))
            else:
                said.append(retold(lm, prompt, reply, settings))
        yield GeneratedBatch((*faults, *self._scored(said)), None)

    def close(self) -> None:
        """Do nothing: connections end with each call."""

    def _content(self, prompt: Prompt, settings: GenerateSettings) -> dict[str, Any]:
        asked: dict[str, Any] = {"prompt": prompt.text}
        if self._lm.asks_in_chat:
            asked = {"messages": [asdict(message) for message in (*prompt.opening, Message("user", prompt.text))]}
        drawn: dict[str, Any] = {}
        if settings.temperature:
            seed = seed_from("endpoint", settings.seed, prompt.question_id, prompt.sample)
            drawn = {"top_p": settings.top_p, "seed": seed >> 32}  # some endpoints take 31 bits and no more
        return {
            "model": self._model,
            **asked,
            "max_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
            **_told_to_think(self._lm),
            **drawn,
        }

    def _scored(self, said: Sequence[_Retold]) -> Iterator[Answer]:
        """Return the answers with what the local model thinks of their tokens."""
        read = [each for each in said if each.ids]
        scores = score_tokens(self._lm, [(each.prompt.prompt_ids, each.ids) for each in read], self._batch_tokens)
        log_probs = {id(each): score.log_probs for each, score in zip(read, scores, strict=True)}
        for each in said:
            yield answer_of(self._lm, each.prompt, each.ids, log_probs.get(id(each), ()), finished=each.finished)

    def _fault(self, refusal: Refusal) -> str:
        if refusal.status == 413 or refusal.code in _TOO_LONG:
            return PROMPT_TOO_LONG
        if refusal.code in _FILTERED:
            return REFUSED
        raise ModelError(
            f"the endpoint {self._endpoint.url} refuses what it is sent (status {refusal.status}"
            f"{': ' if refusal.message else ''}{refusal.message}); see that it takes an OpenAI-style request for "
            f"model {self._model!r}"
        )

    def _compare_templates(self, prompts: Sequence[Prompt], replies: Sequence[EndpointReply | Refusal]) -> None:
        """Say so once, if the endpoint reads another number of tokens than the local template writes."""
        for prompt, reply in zip(prompts, replies, strict=True):
            if self._compared or isinstance(reply, Refusal) or reply.prompt_tokens is None:
                continue
            self._compared = True
            if reply.prompt_tokens != len(prompt.prompt_ids):
                self._say(
                    f"the endpoint read {reply.prompt_tokens} tokens for question {prompt.question_id}, the prompt "
                    f"here has {len(prompt.prompt_ids)}: it asks in another way, and the states will be those of the "
                    "prompt here"
                )


@dataclass(frozen=True)
class _Retold:
    """A reply in the local model's tokens."""

    prompt: Prompt
    ids: tuple[int, ...]
    finished: bool


def retold(lm: LanguageModel, prompt: Prompt, reply: EndpointReply, settings: GenerateSettings) -> _Retold:
    """Put a reply into the local model's tokens, as it would have written them itself.

    A thought that came apart from the answer stands before it again, in the model's own tags. An answer that the
    endpoint's model closed gets the closing token; the answer of a base model ends with its line; one that is longer
    than was asked for is cut.
    """
    ids: list[int] = []
    for token in _written(lm, prompt, reply)[: settings.max_new_tokens]:
        ids.append(token)
        if ends_answer(lm, ids[:-1], token):
            return _Retold(prompt, tuple(ids), finished=True)
    if reply.finished and lm.closing_id is not None and len(ids) < settings.max_new_tokens:
        return _Retold(prompt, (*ids, lm.closing_id), finished=True)
    return _Retold(prompt, tuple(ids), finished=False)


def _told_to_think(lm: LanguageModel) -> dict[str, Any]:
    """Return what a request says of thinking, in the words that servers of open models take."""
    variables = dict(lm.prompt_encoder.variables)
    effort = {"reasoning_effort": variables.pop("reasoning_effort")} if "reasoning_effort" in variables else {}
    return {**effort, **({"chat_template_kwargs": variables} if variables else {})}


def _written(lm: LanguageModel, prompt: Prompt, reply: EndpointReply) -> tuple[int, ...]:
    """Return the ids of a whole reply, as the model would have written it."""
    if not reply.thought:
        return lm.encode(reply.text)
    tags = lm.thought_tags
    inside = tags.prompt_end(prompt.prompt_ids).inside
    pair = inside or lm.thinking_template.pair or THINK
    opening = () if inside is not None else tags.ids_of(pair.shown[0])
    thought = (*opening, *lm.encode(reply.thought.rstrip() if pair.closes.startswith("\n") else reply.thought))
    if not reply.text and not reply.finished:
        return thought
    return (*thought, *tags.ids_of(pair.closes), *lm.encode(reply.text.lstrip("\n")))


def read_reply(body: bytes) -> EndpointReply:
    """Read a completion, of a chat or of a prompt.

    Raises:
        ValueError: it is none; the message goes on from the body.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON: the address may lack its /v1") from error
    try:
        choice = content["choices"][0]
        text = choice["message"].get("content") if "message" in choice else choice["text"]
        said = choice.get("message") or {}
        thought = said.get("reasoning_content") or said.get("reasoning")
        usage = content.get("usage") or {}
        tokens = usage.get("prompt_tokens")
        finished = choice.get("finish_reason") == "stop"
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("is no completion") from error
    if not isinstance(text, str | None):
        raise ValueError("has a text that is none")
    known = tokens if type(tokens) is int else None
    return EndpointReply(_whole(text or ""), finished, known, _whole(thought) if isinstance(thought, str) else "")


def _whole(text: str) -> str:
    """Return a text without the halves of characters that JSON can name and no text may hold alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
