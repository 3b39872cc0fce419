"""Whether a model thinks before it answers, and how it is told to: its chat template is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from truthmap.errors import ModelError
from truthmap.lm.load_settings import Thinking
from truthmap.lm.prompt_encoding import PromptEncoder
from truthmap.lm.thought_tags import ThoughtTags
from truthmap.thought_formats import THINK, TagPair

_SWITCHES = ("enable_thinking", "thinking", "reasoning")
"""Variables of chat templates that turn thinking on and off."""
_EFFORT = "reasoning_effort"
_ASKED = ({"role": "user", "content": "x"},)


@dataclass(frozen=True)
class ThinkingTemplate:
    """A chat template as far as thinking goes.

    Attributes:
        encoder: What writes prompts with the template as it is.
        tags: The tags of the model.
    """

    encoder: PromptEncoder
    tags: ThoughtTags

    @cached_property
    def switches(self) -> tuple[str, ...]:
        """The variables that turn thinking on and off in this template: those that change its prompts."""
        if _EFFORT not in self.encoder.template and not any(name in self.encoder.template for name in _SWITCHES):
            return ()
        return tuple(name for name in _SWITCHES if self._renders({name: True}) != self._renders({name: False}))

    @property
    def has_effort(self) -> bool:
        """Whether the template takes a reasoning effort."""
        return _EFFORT in self.encoder.template and self._renders({_EFFORT: "high"}) != self._renders({_EFFORT: "low"})

    @cached_property
    def pair(self) -> TagPair | None:
        """The tags that the template knows, or ends its prompts with."""
        opened = self.tags.prompt_end(self.encoder.chat_ids(_ASKED)).inside
        template = self.encoder.template
        spoken = (pair for pair in self.tags.tokens.formats.pairs if any(mark in template for mark in pair.marks))
        return opened or next(spoken, None)

    @cached_property
    def thinks(self) -> bool:
        """Whether the model thinks unless it is told not to."""
        end = self.tags.prompt_end(self.encoder.chat_ids(_ASKED))
        if end.inside is not None or end.closed:
            return not end.closed
        if self.switches:
            by_default = self._renders({})
            return all(self._renders({name: True}) == by_default for name in self.switches)
        return self.has_effort or self.pair is not None

    def thinks_when(self, told: Thinking) -> bool:
        """Return whether the model thinks, told this of it."""
        return told == "on" or (told == "auto" and self.thinks)

    def told(self, thinking: Thinking, *, in_chat: bool = True) -> PromptEncoder:
        """Return what writes the prompts of a model that is told to think, or to answer at once.

        A template that has no switch for it is not asked: behind its prompt stands an empty thought ("NoThinking",
        arXiv 2504.09858). Behind the prompt of one that is asked for its reasoning in words stands an
        opening tag, since it has no habit of writing one.

        Args:
            thinking: What it is told.
            in_chat: The model is asked through the template at all.

        Raises:
            ModelError: it is to think, and does not do so.
        """
        if thinking == "auto" or (thinking != "on" and not in_chat):
            return self.encoder
        if thinking == "on":
            if not in_chat:
                raise ModelError(
                    f"{self.encoder.name} is asked without a chat template, which could be told to think: leave "
                    "--thinking out, or ask for it in words with --thinking prompted"
                )
            if not (self.switches or self.has_effort or self.thinks):
                raise ModelError(
                    f"the chat template of {self.encoder.name} knows no thinking: leave --thinking out, or ask for it "
                    "in words with --thinking prompted"
                )
            return self._with(self._variables(on=True))
        quiet = self._with(self._variables(on=False))
        ending = self._empty_thought(quiet)
        return replace(quiet, ending=ending + THINK.shown[0] if thinking == "prompted" else ending)

    def _variables(self, *, on: bool) -> dict[str, Any]:
        found: dict[str, Any] = dict.fromkeys(self.switches, on)
        if self.has_effort:
            can_be_none = re.search(r"""['"]none['"]""", self.encoder.template) is not None
            found[_EFFORT] = "high" if on else "none" if can_be_none else "low"
        return found

    def _empty_thought(self, quiet: PromptEncoder) -> str:
        """Return what must stand behind a prompt for the answer to begin; empty where the template sees to it."""
        end = self.tags.prompt_end(quiet.chat_ids(_ASKED))
        if end.closed:
            return ""
        if end.inside is not None:
            return end.inside.emptied(opened=True)
        if self.switches or "none" in quiet.variables.values() or self.pair is None:
            return ""
        return self.pair.emptied(opened=False)

    def _with(self, variables: Mapping[str, Any]) -> PromptEncoder:
        return replace(self.encoder, variables=variables)

    def _renders(self, variables: Mapping[str, Any]) -> tuple[int, ...]:
        try:
            return self._with(variables).chat_ids(_ASKED)
        except ModelError:
            return ()
