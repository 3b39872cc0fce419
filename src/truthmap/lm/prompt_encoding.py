"""Encoding untrusted text in a prompt: a control token written in it stays text, it opens and closes no turn."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from truthmap.errors import ModelError
from truthmap.files import digest_of
from truthmap.lm.load_settings import DATE
from truthmap.lm.template_clock import TABLE, asks_the_clock, clock_table, with_stopped_clock

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_AT_RANDOM = re.compile(r"\|\s*random\s*[(|)%}]|\blipsum\s*\(")
"""What a chat template can draw with."""

_PROBE = "truthmap"
"""What a template is asked with, to see whether it shows it."""


@dataclass(frozen=True)
class PromptEncoder:
    """Tokenizes untrusted text; ids of text without control tokens are the tokenizer's own.

    Attributes:
        name: What the model is called, for errors.
        tokenizer: Its tokenizer.
        date: The day that the chat template is told where it asks for the time; it is midnight then.
        variables: What else the chat template is told, by the names of its variables.
        ending: What stands behind each prompt of a chat, control tokens in it.
    """

    name: str
    tokenizer: PreTrainedTokenizerBase
    date: str = DATE
    variables: Mapping[str, Any] = field(default_factory=dict)
    ending: str = ""

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
            with tokenizer_errors(self.name):
                return tuple(self.tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
        own_way = {"add_special_tokens": add_special_tokens}
        with tokenizer_errors(self.name):
            ids = list(self._splitting(text, **own_way, split_special_tokens=True)["input_ids"])
            own = self._splitting("", **own_way)["input_ids"]
        for token in written:
            if token != self.tokenizer.unk_token and ids.count(self.control[token]) > own.count(self.control[token]):
                raise self._refusal(token)
        return tuple(ids)

    def whole_ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of a whole prompt as it was sent elsewhere: what looks like a control token in it is one.

        The tokenizer's first token is put before it unless the prompt begins with that, as evaluation tools do.
        """
        first = self.tokenizer.bos_token
        begins = isinstance(first, str) and first != "" and text.startswith(first)
        with tokenizer_errors(self.name):
            return tuple(self.tokenizer(text, add_special_tokens=not begins)["input_ids"])

    def chat_ids(self, messages: Sequence[Mapping[str, str]], *, answered: bool = False) -> tuple[int, ...]:
        """Return the ids of a conversation in the chat template, up to where the answer begins.

        Args:
            messages: Each with its `role` and `content`; the roles are the caller's own words.
            answered: The last message is the answer, and nothing is opened behind it.

        Raises:
            ModelError: the template refuses the messages, leaves out what the user or the system says or draws at
                random, or a control token in one of them cannot be read as text.
        """
        if any(message["role"] == "system" for message in messages) and not self.reads_system:
            raise ModelError(
                f"the chat template of {self.name} takes no system prompt: say it in every question instead, with "
                "--prompt-template"
            )
        return self._chat_ids(messages, answered=answered)

    @cached_property
    def reads_system(self) -> bool:
        """Whether the chat template puts what the system says into the prompt; some refuse it, some leave it out."""
        asked = {"role": "user", "content": "x"}
        try:
            return self._chat_ids([{"role": "system", "content": "Be brief."}, asked]) != self._chat_ids([asked])
        except ModelError:
            return False

    def _chat_ids(self, messages: Sequence[Mapping[str, str]], *, answered: bool = False) -> tuple[int, ...]:
        written = self._written("\0".join(message["content"] for message in messages))
        # An older transformers would hand the option on to the template, which does not know it.
        known = "sanitize_control_tokens" in inspect.signature(self.tokenizer.apply_chat_template).parameters
        if written and not known:
            raise self._refusal(written[0])
        self._require_asked(messages, str(self._rendered(messages, answered=answered, tokenize=False)))
        try:
            encoded = self._rendered(
                messages,
                answered=answered,
                tokenize=True,
                return_dict=True,
                **({"sanitize_control_tokens": True} if known else {}),
            )
        except _SanitizingError as error:
            raise self._refusal(written[0] if written else str(error)) from error
        return (*encoded["input_ids"], *(() if answered else self._ending_ids))

    @cached_property
    def _ending_ids(self) -> tuple[int, ...]:
        if not self.ending:
            return ()
        with tokenizer_errors(self.name):
            return tuple(self.tokenizer(self.ending, add_special_tokens=False)["input_ids"])

    @property
    def template(self) -> str:
        """The chat template as it stands; empty where there is none."""
        return str(self.tokenizer.chat_template or "")

    @cached_property
    def names_the_date(self) -> bool:
        """Whether the chat template asks for the time."""
        return asks_the_clock(str(self.tokenizer.chat_template))

    @property
    def template_digest(self) -> str:
        """The digest of the chat template, of the day where the template names it, and of what else it is told."""
        template = self.tokenizer.chat_template
        told = [dict(sorted(self.variables.items())), self.ending] if self.variables or self.ending else []
        if not self.names_the_date and not told:
            return digest_of(template)
        return digest_of([template, *([self.date] if self.names_the_date else []), *told])

    def _rendered(self, messages: Sequence[Mapping[str, Any]], *, answered: bool, **options: Any) -> Any:
        """Return what the template makes of messages: the same today and tomorrow."""
        if _AT_RANDOM.search(str(self.tokenizer.chat_template)):
            raise ModelError(f"the chat template of {self.name} draws at random: use prompt_format plain")
        if self.takes_parts:
            messages = [{**said, "content": _as_part(said["content"])} for said in messages]
        return self._applied(messages, answered=answered, **options)

    @cached_property
    def takes_parts(self) -> bool:
        """Whether the chat template reads what is said as a list of parts, each with its type, and not as a text.

        Models that see have such templates; it is asked with both, and a text is taken where it shows.
        """
        return not self._shows(_PROBE) and self._shows(_as_part(_PROBE))

    def _shows(self, content: object) -> bool:
        try:
            return _PROBE in str(self._applied([{"role": "user", "content": content}], answered=False, tokenize=False))
        except ModelError:
            return False

    def _applied(self, messages: Sequence[Mapping[str, object]], *, answered: bool, **options: Any) -> Any:
        try:
            options = {**self.variables, **options}
            if self.names_the_date:
                stopped = with_stopped_clock(self.tokenizer.get_chat_template())
                options = {**options, "chat_template": stopped, TABLE: dict(clock_table(self.date))}
            # The template writes its own BOS where the model wants one; none is added to it.
            return self.tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                add_generation_prompt=not answered,
                **options,
            )
        except BaseException as error:
            if _is_panic(error):
                raise _tokenizer_error(self.name, error) from error
            if not isinstance(error, Exception):
                raise
            if str(error).startswith("Can't sanitize"):
                raise _SanitizingError(str(error)) from error
            # A template is a program: it raises whatever it likes.
            raise ModelError(f"the chat template of {self.name} fails ({error}); use prompt_format plain") from error

    def _require_asked(self, messages: Sequence[Mapping[str, str]], prompt: str) -> None:
        """See that all that the user says is in the prompt; blanks may be trimmed or folded."""
        squeezed = "".join(prompt.split())
        if any("".join(said["content"].split()) not in squeezed for said in messages if said["role"] == "user"):
            raise ModelError(
                f"the chat template of {self.name} does not put the question into the prompt as it is worded: mend the "
                "template, or use prompt_format plain"
            )

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


def _as_part(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


class _SanitizingError(Exception):
    """The tokenizer makes a control token of plain text."""


@contextmanager
def tokenizer_errors(name: str) -> Iterator[None]:
    """Turn whatever a model's tokenizer raises into a `ModelError`: it is made of files, and of expressions in them.

    Args:
        name: What the model is called.
    """
    try:
        yield
    except ModelError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        raise _tokenizer_error(name, error) from error


def _is_panic(error: BaseException) -> bool:
    """Tell whether it is a fault in the tokenizers' own language, which Python does not count among its exceptions."""
    return type(error).__name__ == "PanicException"


def _tokenizer_error(name: str, error: BaseException) -> ModelError:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return ModelError(
        f"the tokenizer of {name} fails ({reason}): an expression in its tokenizer.json may be wrong, or the text "
        "holds halves of characters; use another copy of the model"
    )
