"""Replies in the form of OpenAI's chat completions, with the detector's word in the extra field `truthmap`."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from truthmap.detector.rows import similar_row, tokens_row, verdict_row
from truthmap.detector.stream_scorer import TokenEvent
from truthmap.detector.verdict import Verdict
from truthmap.server.parse_request import PreparedChat


@dataclass
class ChatReply:
    """A chat completion while it is made.

    Attributes:
        asked: What was asked.
        model: The model's name.
        stops: Texts at which the answer ends.
        text: The answer so far.
        finish_reason: Why it ended; `None` while it goes on.
        verdict: The verdict that the newest token brought.
        n_tokens: How many tokens were taken in.
    """

    asked: PreparedChat
    model: str
    stops: tuple[str, ...]
    text: str = ""
    n_tokens: int = 0
    finish_reason: str | None = None
    verdict: Verdict | None = None
    _told: int = 0
    _id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    _created: int = field(default_factory=lambda: int(time.time()))

    def take(self, event: TokenEvent) -> str:
        """Take in a token; give the text that can be passed on now: what could begin a stop text waits."""
        self.text += event.text
        self.n_tokens += 1
        self.verdict = event.verdict
        cut = min((at for at in (self.text.find(stop) for stop in self.stops) if at >= 0), default=None)
        if cut is not None:
            self.text = self.text[:cut]
            self.finish_reason = "stop"
        elif event.last:
            self.finish_reason = self.asked.listener.finish_reason
        waiting = 0 if self.finish_reason else max((len(stop) - 1 for stop in self.stops), default=0)
        told, self._told = self._told, max(self._told, len(self.text) - waiting)
        return self.text[told : self._told]

    def end(self) -> Verdict:
        """Return the verdict on the answer as it stands."""
        if self.verdict is None:
            self.verdict = self.asked.listener.verdict(self.n_tokens)
        self.finish_reason = self.finish_reason or "length"
        return self.verdict

    def whole(self) -> dict[str, Any]:
        """Return the complete reply."""
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason, "logprobs": None}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.usage(), "truthmap": self.word()}

    def chunk(self, delta: dict[str, Any], truthmap: dict[str, Any] | None = None) -> bytes:
        """Return one server-sent event of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": self.finish_reason if not delta else None}
        extra = {} if truthmap is None else {"truthmap": truthmap}
        return _sent({**self._head("chat.completion.chunk"), "choices": [choice], **extra})

    def usage_chunk(self) -> bytes:
        """Return the event that counts tokens."""
        return _sent({**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage()})

    def usage(self) -> dict[str, int]:
        """Count the tokens."""
        prompt, answer = len(self.asked.listener.ask.prompt.prompt_ids), self.n_tokens
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}

    def word(self) -> dict[str, Any]:
        """Return the verdict with the scores of all tokens."""
        verdict = self.end()
        return {
            **verdict_row(verdict),
            "asked_as_trained": self.asked.as_trained,
            "similar_answers": similar_row(verdict),
            "tokens": tokens_row(verdict),
        }

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self.model}


DONE = b"data: [DONE]\n\n"


def fault_chunk(message: str, code: str) -> bytes:
    """Return the event that ends a stream that failed."""
    return _sent({"error": {"message": message, "type": "server_error", "param": None, "code": code}})


def _sent(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n\n"
