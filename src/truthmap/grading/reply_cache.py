"""A model that is asked once for the same text, over runs: its replies are kept in a folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from truthmap.errors import DamagedFileError
from truthmap.files import digest_of, read_json, write_json
from truthmap.grading.text_model import Cost, Replying
from truthmap.records import Reply

_PIECE = 32
"""Prompts whose replies are kept together: what is lost at most when the model fails or the run is stopped."""


class CachedModel:
    """A text model whose replies are kept, and that counts what asking it takes.

    A reply is found again by the digest of the model's identity and the prompt; prompts are not kept. An empty reply is
    none: it is asked for again.

    Args:
        model: The model.
        folder: Where its replies are kept.
    """

    def __init__(self, model: Replying, folder: Path) -> None:
        self.model, self.folder = model, folder
        self._cost = Cost()

    def cost(self) -> Cost:
        """Return what asking took so far; a reply that was known takes nothing."""
        return self._cost

    def ask(self, prompts: Sequence[str]) -> list[str]:
        """Answer each prompt, in order; an empty string where there is no answer to a prompt.

        Raises:
            ModelError: as the model's own.
            StorageError: a reply cannot be kept.
        """
        distinct = dict.fromkeys(prompts)
        known = {prompt: reply for prompt in distinct if (reply := self._kept(prompt)) is not None}
        unknown = [prompt for prompt in distinct if prompt not in known]
        self._cost = replace(self._cost, cached=self._cost.cached + len(prompts) - len(unknown))
        for start in range(0, len(unknown), _PIECE):
            known.update(self._asked(unknown[start : start + _PIECE]))
        return [known[prompt].text for prompt in prompts]

    def _asked(self, prompts: Sequence[str]) -> dict[str, Reply]:
        """Ask the model, count what it takes, and keep its replies."""
        started = time.perf_counter()
        replies = dict(zip(prompts, self.model.replies(prompts), strict=True))
        self._cost = replace(
            self._cost,
            asked=self._cost.asked + len(replies),
            tokens_in=self._cost.tokens_in + sum(reply.tokens_in for reply in replies.values()),
            tokens_out=self._cost.tokens_out + sum(reply.tokens_out for reply in replies.values()),
            seconds=self._cost.seconds + time.perf_counter() - started,
        )
        for prompt, reply in replies.items():
            if reply.text:
                write_json(self._file(prompt), asdict(reply))
        return replies

    def _kept(self, prompt: str) -> Reply | None:
        file = self._file(prompt)
        if not file.is_file():
            return None
        try:
            kept: Any = read_json(file)
            reply = Reply(**kept)
        except (DamagedFileError, TypeError):
            return None
        return reply if isinstance(reply.text, str) and reply.text else None

    def _file(self, prompt: str) -> Path:
        key = digest_of({"model": self.model.identity, "prompt": prompt})
        return self.folder / key[:2] / f"{key}.json"
