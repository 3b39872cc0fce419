"""Encoding untrusted text in a prompt: a control token written in it stays text, it opens and closes no turn."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from truthmap.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class PromptEncoder:
    """Tokenizes untrusted text; ids of text without control tokens are the tokenizer's own.

    Attributes:
        name: What the model is called, for errors.
        tokenizer: Its tokenizer.
    """

    name: str
    tokenizer: PreTrainedTokenizerBase

    @cached_property
    def control(self) -> Mapping[str, int]:
        """The control tokens as they are written, with their ids."""
        return {token.content: i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}

    def ids(self, text: str, *, add_special_tokens: bool) -> tuple[int, ...]:
        """Return the ids of a text.

        Args:
            text: What to read.
            add_special_tokens: Let the tokenizer open and close the text in its own way.

        Raises:
            ModelError: a control token is written in it, and the tokenizer cannot but take it for one.
        """
        written = self._written(text)
        if not written:
            return tuple(self.tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
        ids = list(self._splitting(text, add_special_tokens=add_special_tokens, split_special_tokens=True)["input_ids"])
        own = self._splitting("", add_special_tokens=add_special_tokens)["input_ids"]
        for token in written:
            if token != self.tokenizer.unk_token and ids.count(self.control[token]) > own.count(self.control[token]):
                raise self._refusal(token)
        return tuple(ids)

    def chat_ids(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Return the ids of a conversation in the chat template, up to where the answer begins.

        Args:
            messages: Each with its `role` and `content`; the roles are the caller's own words.

        Raises:
            ModelError: the template refuses the messages or leaves out what the system says, or a control token in one
                of them cannot be read as text.
        """
        if any(message["role"] == "system" for message in messages) and not self.reads_system:
            raise ModelError(
                f"the chat template of {self.name} takes no system prompt: say it in every question instead, with "
                "--prompt-template"
            )
        return self._chat_ids(messages)

    @cached_property
    def reads_system(self) -> bool:
        """Whether the chat template puts what the system says into the prompt; some refuse it, some leave it out."""
        asked = {"role": "user", "content": "x"}
        try:
            return self._chat_ids([{"role": "system", "content": "Be brief."}, asked]) != self._chat_ids([asked])
        except ModelError:
            return False

    def _chat_ids(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        written = self._written("\0".join(message["content"] for message in messages))
        # An older transformers would hand the option on to the template, which does not know it.
        known = "sanitize_control_tokens" in inspect.signature(self.tokenizer.apply_chat_template).parameters
        if written and not known:
            raise self._refusal(written[0])
        try:
            # The template writes its own BOS where the model wants one; none is added to it.
            encoded = self.tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                **({"sanitize_control_tokens": True} if known else {}),
            )
        except (TemplateError, TypeError, ValueError) as error:
            if written and str(error).startswith("Can't sanitize"):
                raise self._refusal(written[0]) from error
            raise ModelError(f"the chat template of {self.name} fails ({error}); use prompt_format plain") from error
        return tuple(encoded["input_ids"])

    def _written(self, text: str) -> list[str]:
        return [token for token in self.control if token in text]

    @cached_property
    def _splitting(self) -> PreTrainedTokenizerBase:
        """The tokenizer that splits control tokens: a copy, since splitting is a state that threads would share."""
        return copy.deepcopy(self.tokenizer)

    def _refusal(self, token: str) -> ModelError:
        return ModelError(
            f"the text {token!r} stands in a question or an answer, and {self.name} reads it as a control token: "
            f"expected a tokenizer that can split it (transformers 5.20 or later for chats); take it out of the text"
        )
