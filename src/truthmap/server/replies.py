"""Replies in the form of OpenAI's chat completions, with the detector's verdict in the extra field `truthmap`."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from truthmap.answer_parts import final_answer, thought_text
from truthmap.detector.stream_scorer import TokenEvent
from truthmap.detector.verdict import Verdict, token_rows, verdict_row
from truthmap.server.parse_request import PreparedChat


@dataclass
class ChatReply:
    """A chat completion while it is made.

    Attributes:
        chat: The request that it answers.
        model: The model's name.
        stops: Texts at which the answer ends.
        text: The answer so far, without its thought.
        thought: Its thought so far.
        finish_reason: Why it ended; `None` while it goes on.
        verdict: The verdict that the newest token brought.
        n_tokens: How many tokens were added.
    """

    chat: PreparedChat
    model: str
    stops: tuple[str, ...]
    text: str = ""
    thought: str = ""
    n_tokens: int = 0
    finish_reason: str | None = None
    verdict: Verdict | None = None
    _n_sent: int = 0
    _is_cut: bool = False
    _id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    _created: int = field(default_factory=lambda: int(time.time()))

    def add(self, event: TokenEvent) -> str:
        """Add a token, and return the text that can be sent now: what could begin a stop text is kept back."""
        self.text += event.text
        self.thought += event.thought
        self.n_tokens += 1
        self.verdict = event.verdict
        cut = min((at for at in (self.text.find(stop) for stop in self.stops) if at >= 0), default=None)
        if cut is not None:
            self.text, self._is_cut = self.text[:cut], True
            self.finish_reason, self.verdict = "stop", None  # the answer is not the one that the token completed
        elif event.last:
            self.finish_reason = self.chat.scorer.finish_reason
        waiting = 0 if self.finish_reason else max((len(stop) - 1 for stop in self.stops), default=0)
        start, self._n_sent = self._n_sent, max(self._n_sent, len(self.text) - waiting)
        return self.text[start : self._n_sent]

    def end(self) -> Verdict:
        """Return the verdict on the answer as it stands."""
        if self.verdict is None:
            self.verdict = self.chat.scorer.verdict_on_cut(self.n_tokens)
        self.finish_reason = self.finish_reason or "length"
        return self.verdict

    def body(self) -> dict[str, Any]:
        """Return the complete reply."""
        answer = self.end().answer
        # The record of the whole answer knows its parts best; one that was ended at a stop text has no such record.
        thought = self.thought or None if self._is_cut else thought_text(answer)
        content = self.text if self._is_cut else final_answer(answer).text
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if thought is not None:
            message["reasoning_content"] = thought
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason, "logprobs": None}
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": self.usage(),
            "truthmap": self.verdict_fields(),
        }

    def chunk(self, delta: dict[str, Any], truthmap: dict[str, Any] | None = None) -> bytes:
        """Return one server-sent event of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": self.finish_reason if not delta else None}
        extra = {} if truthmap is None else {"truthmap": truthmap}
        return _event({**self._head("chat.completion.chunk"), "choices": [choice], **extra})

    def usage_chunk(self) -> bytes:
        """Return the event that counts tokens."""
        return _event({**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage()})

    def usage(self) -> dict[str, Any]:
        """Count the tokens."""
        prompt, answer = len(self.chat.scorer.request.prompt.prompt_ids), self.n_tokens
        counts: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
        }
        thought = None if self.verdict is None else self.verdict.answer.thought
        if thought is not None:
            tokens = 0 if thought.tokens is None else thought.tokens.end - thought.tokens.start
            counts["completion_tokens_details"] = {"reasoning_tokens": tokens}
        return counts

    def verdict_fields(self) -> dict[str, Any]:
        """Return the verdict with the scores of all tokens."""
        verdict = self.end()
        return {**verdict_row(verdict), "tokens": token_rows(verdict)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self.model}


DONE = b"data: [DONE]\n\n"


def fault_chunk(message: str, code: str) -> bytes:
    """Return the event that ends a stream that failed."""
    return _event({"error": {"message": message, "type": "server_error", "param": None, "code": code}})


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n\n"
