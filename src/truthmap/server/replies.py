"""Replies in the form of OpenAI's chat completions, with the detector's verdict in the extra field `truthmap`."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

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
        text: The answer so far.
        finish_reason: Why it ended; `None` while it goes on.
        verdict: The verdict that the newest token brought.
        n_tokens: How many tokens were added.
    """

    chat: PreparedChat
    model: str
    stops: tuple[str, ...]
    text: str = ""
    n_tokens: int = 0
    finish_reason: str | None = None
    verdict: Verdict | None = None
    _n_sent: int = 0
    _id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    _created: int = field(default_factory=lambda: int(time.time()))

    def add(self, event: TokenEvent) -> str:
        """Add a token, and return the text that can be sent now: what could begin a stop text is kept back."""
        self.text += event.text
        self.n_tokens += 1
        self.verdict = event.verdict
        cut = min((at for at in (self.text.find(stop) for stop in self.stops) if at >= 0), default=None)
        if cut is not None:
            self.text = self.text[:cut]
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
        message = {"role": "assistant", "content": self.text, "refusal": None}
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

    def usage(self) -> dict[str, int]:
        """Count the tokens."""
        prompt, answer = len(self.chat.scorer.request.prompt.prompt_ids), self.n_tokens
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}

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
