"""A loaded model: its prompt format, its tokens, its blocks, and what identifies it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch

from truthmap.errors import ModelError, UsageError
from truthmap.lm.accepted import accepted_arguments
from truthmap.lm.cache import CacheUse, find_cache_use, shortest_window
from truthmap.lm.ending_ids import left_open, line_ids_of, stop_ids_of
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import record_hidden_states
from truthmap.lm.identity import identity_of
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.offsets import decode, token_offsets
from truthmap.lm.prompt_encoding import PromptEncoder, tokenizer_errors
from truthmap.lm.sites import Blocks, find_blocks, layer_numbers
from truthmap.lm.thinking import ThinkingTemplate
from truthmap.lm.thought_tags import ThoughtTags
from truthmap.questions.tasks import Task
from truthmap.records import Message, Question, Site
from truthmap.shown import ShortRepr

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, repr=False)
class LanguageModel(ShortRepr):
    """A causal language model with its tokenizer, in evaluation mode.

    Attributes:
        name: What the user called it.
        model: The transformers model.
        tokenizer: Its tokenizer.
        settings: How it was loaded.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    settings: LoadSettings

    def _line(self) -> str:
        return f"{self.name!r}, {type(self.model).__name__}"

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks and the sites in them."""
        return find_blocks(self.model, self.settings.blocks)

    @property
    def n_layers(self) -> int:
        """How many blocks there are (L)."""
        return len(self.blocks.modules)

    @property
    def width(self) -> int:
        """Width of the residual stream (d)."""
        return int(self.model.config.get_text_config().hidden_size)

    @property
    def n_heads(self) -> int:
        """How many attention heads a block has (H)."""
        return int(self.model.config.get_text_config().num_attention_heads)

    @property
    def device(self) -> torch.device:
        """Where token ids go in."""
        device: torch.device = self.model.get_input_embeddings().weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """What the model computes in."""
        dtype: torch.dtype = self.model.dtype
        return dtype

    @property
    def max_length(self) -> int | None:
        """Longest sequence in tokens, or `None` where the configuration sets none."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return None if limit is None else int(limit)

    @cached_property
    def asks_in_chat(self) -> bool:
        """Whether questions go through the chat template: by the settings, else by whether there is one."""
        if self.settings.prompt_format == "auto":
            return self.tokenizer.chat_template is not None
        if self.settings.prompt_format == "chat" and self.tokenizer.chat_template is None:
            raise ModelError(f"{self.name} has no chat template; use prompt_format auto or plain")
        return self.settings.prompt_format == "chat"

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """The ids that close an answer; one outside the vocabulary can never come, and is none of them.

        Raises:
            ModelError: the model's files name something that is no id.
        """
        return stop_ids_of(self.name, self.model, self.tokenizer)

    @cached_property
    def closing_id(self) -> int | None:
        """The id with which the model closes an answer: what the chat template writes after one, else the tokenizer's.

        `None` where the model has no such id.
        """
        usual = self.tokenizer.eos_token_id
        found = usual if usual in self.stop_ids else None
        if not self.asks_in_chat:
            return found
        said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}]
        try:
            whole = self.prompt_encoder.chat_ids(said, answered=True)
        except ModelError:
            return found
        return next((i for i in whole[len(self.prompt_ids("x")) :] if i in self.stop_ids), found)

    @cached_property
    def line_ids(self) -> frozenset[int]:
        """The ids that end a line; they close an answer to a plain prompt once it has begun."""
        if self.asks_in_chat:
            return frozenset()
        return line_ids_of(self.name, self.tokenizer)

    def prompt_ids(self, chat: str, plain: str | None = None, opening: Sequence[Message] = ()) -> tuple[int, ...]:
        """Return the token ids of a whole prompt; a control token written in it is read as text.

        Args:
            chat: The user's message for a chat model.
            plain: The whole text for a base model; by default `Q: {chat}`, a new line, `A:`.
            opening: What a chat model reads before the user's message: system prompt, worked examples.

        Raises:
            ModelError: the chat template refuses the messages, or a control token in them cannot be read as text.
        """
        if not self.asks_in_chat:
            ids = self.prompt_encoder.ids(f"Q: {chat}\nA:" if plain is None else plain, add_special_tokens=True)
            return left_open(ids, self.stop_ids)
        return self.prompt_encoder.chat_ids([*map(asdict, opening), {"role": "user", "content": chat}])

    def question_ids(self, question: Question, task: Task) -> tuple[int, ...]:
        """Return the token ids of the whole prompt that asks a question as its set's task says.

        A question that brings the whole prompt is asked with that: control tokens in it are control tokens.

        Raises:
            ModelError: as `prompt_ids`, or the question is a conversation, and the model takes none.
        """
        if question.prompt is not None:
            return left_open(self.prompt_encoder.whole_ids(question.prompt), self.stop_ids)
        if question.turns and not self.asks_in_chat:
            raise ModelError(
                f"question {question.id!r} is a conversation of {len(question.turns) + 1} messages, and {self.name} is "
                "asked without a chat template; use a chat model, or questions that are one text"
            )
        return self.prompt_ids(task.chat(question), task.plain(question), task.opening_of(question))

    @torch.inference_mode()
    def states(
        self,
        prompt: str | Sequence[int],
        answer: str | Sequence[int] = "",
        layers: Sequence[int] | None = None,
        sites: Site | str | Sequence[Site | str] = Site.RESIDUAL,
    ) -> torch.Tensor | dict[Site, torch.Tensor]:
        """Return the hidden states of every token of a prompt and its answer, read in one forward pass.

        Args:
            prompt: The question, which is asked as `prompt_ids` does, or the token ids of a whole prompt.
            answer: What follows it, as text or ids; may be empty.
            layers: Which layers, from the end if negative; by default all L of them.
            sites: What to read. Of one site the states come as they are, of several by their site.

        Returns:
            For each site float (layers, T, d) on the CPU, T the tokens of prompt and answer, in the model's dtype. The
            site `head` is cut into heads by `.unflatten(-1, (lm.n_heads, -1))`.

        Raises:
            ModelError: the model has no such site, or cannot read so many tokens.
            UsageError: there is no such layer, or there are no tokens.
        """
        asked = self.prompt_ids(prompt) if isinstance(prompt, str) else tuple(prompt)
        ids = (*asked, *(self.encode(answer) if isinstance(answer, str) else tuple(answer)))
        chosen = layer_numbers(self.name, self.n_layers, layers)
        if not ids:
            raise UsageError("there is nothing to read: prompt and answer have no tokens")
        if self.max_length is not None and len(ids) > self.max_length:
            raise ModelError(f"{self.name} reads at most {self.max_length:,} tokens, these are {len(ids):,}")
        named = (Site(sites),) if isinstance(sites, str) else tuple(map(Site, sites))
        kept: dict[Site, dict[int, torch.Tensor]] = {site: {} for site in named}

        def keep(site: Site, layer: int, found: torch.Tensor) -> None:
            if layer in chosen:
                kept[site][layer] = found.reshape(len(ids), found.shape[-1]).cpu().clone()

        tokens = torch.tensor([ids], device=self.device)
        with ExitStack() as hooks:
            for site in named:
                hooks.enter_context(record_hidden_states(self.blocks.at(site), partial(keep, site)))
            self.model.base_model(**forward_inputs(self.model, tokens, torch.ones_like(tokens)), use_cache=False)
        stacked = {site: torch.stack([found[layer] for layer in chosen]) for site, found in kept.items()}
        return stacked[named[0]] if isinstance(sites, str) else stacked

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens left out."""
        with tokenizer_errors(self.name):
            return decode(self.tokenizer, ids)

    def offsets(self, ids: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """Return which characters of `decode(ids)` each id wrote: see `token_offsets`."""
        with tokenizer_errors(self.name):
            return token_offsets(self.tokenizer, ids)

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the ids of text that continues a prompt: no special token is added or read from the text."""
        return self.prompt_encoder.ids(text, add_special_tokens=False)

    @cached_property
    def prompt_encoder(self) -> PromptEncoder:
        """What encodes prompts; control tokens in untrusted text stay text."""
        return self.thinking_template.told(self.settings.thinking, in_chat=self.asks_in_chat)

    @cached_property
    def thinking_template(self) -> ThinkingTemplate:
        """Its chat template, as far as thinking goes."""
        return ThinkingTemplate(PromptEncoder(self.name, self.tokenizer, self.settings.date), self.thought_tags)

    @cached_property
    def thinks(self) -> bool:
        """Whether it thinks before it answers, asked as it is."""
        told = self.settings.thinking
        return told == "prompted" or (self.asks_in_chat and self.thinking_template.thinks_when(told))

    @cached_property
    def at_once(self) -> LanguageModel:
        """The same model, told to answer without thinking: for what it is asked besides the questions of a study."""
        return replace(self, settings=replace(self.settings, thinking="off")) if self.thinks else self

    @cached_property
    def thought_tags(self) -> ThoughtTags:
        """The tags that part its thoughts from its answers."""
        return ThoughtTags(self.name, self.tokenizer)

    @property
    def takes_positions(self) -> bool:
        """Whether a forward pass takes `position_ids`; models with relative positions derive them from the mask."""
        return "position_ids" in accepted_arguments(type(self.model.base_model).forward)

    @property
    def keeps_logits(self) -> bool:
        """Whether a forward pass can leave out the logits of all but the last tokens."""
        return "logits_to_keep" in accepted_arguments(type(self.model).forward)

    @cached_property
    def cache_use(self) -> CacheUse:
        """How a batch can be decoded, tried once on a few tokens."""
        return find_cache_use(self.model)

    @cached_property
    def window(self) -> int | None:
        """Tokens of the shortest sliding attention window; `None` where every layer sees everything."""
        return shortest_window(self.model)

    def cache_use_at(self, tokens: int) -> CacheUse:
        """Return how sequences of up to so many tokens can be decoded; what is beyond a window is tried when needed."""
        return self.cache_use if self.window is None or tokens <= self.window else self._cache_use_beyond

    @cached_property
    def _cache_use_beyond(self) -> CacheUse:
        # A cache that forgets what lies before the window is right where the model itself does not look there.
        return find_cache_use(self.model, before=self.window or 0)

    def identity(self) -> dict[str, str]:
        """Return which model this is, so that another one under the same name is noticed: see `identity_of`."""
        return {
            "name": self.name,
            "revision": str(getattr(self.model.config, "_commit_hash", None) or self.settings.revision or ""),
            "template": self.prompt_encoder.template_digest,
            "prompt_format": "chat" if self.asks_in_chat else "plain",
            **self._own_identity,
            **({} if self.settings.adapter is None else {"adapter": self.settings.adapter}),
        }

    @cached_property
    def _own_identity(self) -> dict[str, str]:
        return identity_of(self.model, self.tokenizer)
