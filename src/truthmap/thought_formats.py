"""The tags with which models part a thought from an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["FORMATS", "THINK", "TagPair"]


@dataclass(frozen=True)
class TagPair:
    """The tags that open and close a thought.

    Attributes:
        opening: A regular expression of what opens one.
        closing: Of what closes one and begins the final part.
        shown: How the opening and the closing tag are written.
        nests: A thought may stand within another; otherwise the first closing tag closes.
        answers: What closes also begins the final part of a text that did not think: nobody writes it by chance.
        bare: Its tags are what is left of control tokens: a model itself writes others.
        own_marks: What a chat template that knows the tags has in it, where that is not the tags.
        begins: With what its tags begin that may be written in several ways; none: they are written as shown.
    """

    opening: str
    closing: str
    shown: tuple[str, str]
    nests: bool = True
    answers: bool = False
    bare: bool = False
    own_marks: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()

    @cached_property
    def opening_tag(self) -> re.Pattern[str]:
        """What opens a thought, to search for."""
        return re.compile(self.opening)

    @cached_property
    def closing_tag(self) -> re.Pattern[str]:
        """What closes one, to search for."""
        return re.compile(self.closing)

    @cached_property
    def either_tag(self) -> re.Pattern[str]:
        """What opens or closes one, to search for."""
        return re.compile(f"{self.opening}|{self.closing}")

    @property
    def marks(self) -> tuple[str, ...]:
        """What a chat template that knows the tags has in it."""
        return self.own_marks or self.shown

    @property
    def closes(self) -> str:
        """What is put behind a thought to close it: a tag that stands in the text stands in a line of its own."""
        return f"\n{self.shown[1]}\n\n" if self.shown[1].startswith("</") else self.shown[1]

    def emptied(self, *, opened: bool) -> str:
        """Return a thought of nothing; `opened`: its opening tag is there already."""
        if self.answers:
            return self.shown[1] if opened else self.shown[1][self.shown[1].index("<|channel|>") :]
        return self.closes if opened else f"{self.shown[0]}\n{self.closes}"

    def may_begin(self, text: str) -> bool:
        """Tell whether a text, case folded, may be the beginning of one of its tags."""
        whole = any(tag.casefold().startswith(text) for tag in self.shown)
        return whole or any(begin.startswith(text) or text.startswith(begin) for begin in self.begins)

    @classmethod
    def of(cls, opening: str, closing: str) -> TagPair:
        """Make a pair of two tags as they are written."""
        return cls(f"(?i:{re.escape(opening)})", f"(?i:{re.escape(closing)})", (opening, closing))


_ENDS = r"(?:<\|(?:end|return|call)\|>)?"
_HARMONY = TagPair(
    # OpenAI's harmony format: what is said in a channel other than the final one is no answer.
    opening=r"(?:<\|start\|>assistant)?<\|channel\|>\s*(?:analysis|commentary)[^<]*(?:<\|constrain\|>[^<]*)?(?:<\|message\|>)?",
    closing=rf"{_ENDS}(?:<\|start\|>assistant)?<\|channel\|>\s*final[^<]*(?:<\|message\|>)?",
    shown=("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    nests=False,
    answers=True,
    own_marks=("<|channel|>",),
    begins=("<|start|>assistant", "<|channel|>", "<|end|>", "<|return|>", "<|call|>"),
)
_BARE_HARMONY = TagPair(
    # The same with its control tokens left out, as most tools decode it.
    opening=r"\A\s*(?:assistant)?analysis(?=[^\sa-z:,;.)\]])|assistant(?:analysis|commentary)(?=\S)",
    closing=r"assistantfinal|\A\s*final(?=[A-Z])",
    shown=("analysis", "assistantfinal"),
    nests=False,
    answers=True,
    bare=True,
    own_marks=("assistantfinal",),
)
THINK = TagPair.of("<think>", "</think>")
"""The tags of a model that has none of its own."""
FORMATS: tuple[TagPair, ...] = (
    THINK,
    TagPair.of("<thinking>", "</thinking>"),
    TagPair.of("<thought>", "</thought>"),
    TagPair.of("<reasoning>", "</reasoning>"),
    TagPair.of("[THINK]", "[/THINK]"),
    TagPair.of("<|START_THINKING|>", "<|END_THINKING|>"),
    TagPair.of("<seed:think>", "</seed:think>"),
    TagPair.of("◁think▷", "◁/think▷"),
    TagPair.of("<|begin_of_thought|>", "<|end_of_thought|>"),
    TagPair.of("<|inner_prefix|>", "<|inner_suffix|>"),
    TagPair.of("<|channel>thought", "<channel|>"),
    _HARMONY,
    _BARE_HARMONY,
)
"""The tags that models of today write."""
