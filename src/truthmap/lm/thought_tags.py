"""With which tags a model parts its thought from its answer: its tokenizer and its chat template are asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from truthmap.answer_parts import PromptEnd, TagTokens, parted
from truthmap.lm.prompt_encoding import tokenizer_errors
from truthmap.records import Answer
from truthmap.thought_formats import FORMATS, TagPair
from truthmap.thought_text import Formats, ThoughtSpans, find_thought

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SPEAKS_OF_THINKING = re.compile(r"think|thought|reason", re.IGNORECASE)
_COUNTERPARTS = (("start", "end"), ("START", "END"), ("begin", "end"), ("BEGIN", "END"), ("open", "close"))
"""What an opening tag's name holds, and what its closing tag's holds instead."""
_PROMPT_END = 32
"""Tokens at a prompt's end among which a tag is looked for: a template's own, behind all that a user wrote."""


@dataclass(frozen=True)
class ThoughtTags:
    """The tags of a model.

    Attributes:
        name: What the model is called, for errors.
        tokenizer: Its tokenizer.
    """

    name: str
    tokenizer: PreTrainedTokenizerBase

    @cached_property
    def tokens(self) -> TagTokens:
        """Which of its token ids are tags, and which are special tokens that may be pieces of tags."""
        added = self.tokenizer.added_tokens_decoder
        special = set(self.tokenizer.all_special_ids)
        unwritten = {i: token.content for i, token in added.items() if token.special or i in special}
        formats = Formats((*FORMATS, *self._own_pairs()))
        shown = {tag for pair in formats.pairs for tag in pair.shown}
        vocabulary = self.tokenizer.get_vocab()
        written = frozenset(i for tag in shown if (i := vocabulary.get(tag)) is not None and i not in unwritten)
        return TagTokens(unwritten, written, formats)

    def part(self, answer: Answer) -> Answer:
        """Return an answer of the model with its thought and its final part found."""
        return parted(answer, self.tokens, self.prompt_end(answer.prompt_ids))

    def prompt_end(self, prompt_ids: Sequence[int]) -> PromptEnd:
        """Tell whether a prompt ends with a tag: inside a thought, or behind one."""
        text = self.written_out(prompt_ids[-_PROMPT_END:])
        for pair in self.tokens.formats.pairs:
            if re.search(rf"(?:{pair.closing})\s*\Z", text):
                return PromptEnd(closed=True)
            if re.search(rf"(?:{pair.opening})\s*\Z", text):
                return PromptEnd(inside=pair)
        return PromptEnd()

    def written_out(self, ids: Sequence[int]) -> str:
        """Return the text of ids, control tokens written out."""
        with tokenizer_errors(self.name):
            return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def ids_of(self, text: str) -> tuple[int, ...]:
        """Return the ids of a text of our own, in which control tokens are control tokens."""
        with tokenizer_errors(self.name):
            return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def encoded(
        self, text: str, prompt_ids: Sequence[int], encode: Callable[[str], tuple[int, ...]]
    ) -> tuple[int, ...]:
        """Return the ids of a ready answer as the model would have written it: its tags are its own control tokens.

        Only the tags that open and close the thought are; whatever else looks like a control token stays text.

        Args:
            text: The answer.
            prompt_ids: What it answers.
            encode: Encodes a text without control tokens.
        """
        ids: list[int] = []
        done = 0
        for start, end in self._control_tags(text, prompt_ids):
            if done < start:
                ids += encode(text[done:start])
            ids += self.ids_of(text[start:end])
            done = end
        return (*ids, *(encode(text[done:]) if done < len(text) or not ids else ()))

    def _control_tags(self, text: str, prompt_ids: Sequence[int]) -> list[tuple[int, int]]:
        """Return where the tags stand that open and close the thought of a text, if they have control tokens."""
        formats, end = self.tokens.formats, self.prompt_end(prompt_ids)
        found = find_thought(text, formats, inside=end.inside, closed=end.closed)
        ranges = [(tag.start, tag.end) for tag in formats.tags_in(text) if _opens(tag.end, found)][:1]
        if found.final_tag is not None and found.final is not None:
            start, end_of_tag = found.final_tag
            ranges.append((start, max(end_of_tag, found.final[0])))  # with what a format puts before the final part
        return [(a, b) for a, b in ranges if any(i in self.tokens.unwritten for i in self.ids_of(text[a:b]))]

    def _own_pairs(self) -> Iterator[TagPair]:
        """Yield the pairs that the tokenizer has besides the known ones: two tokens whose names go together."""
        known = {tag for pair in FORMATS for tag in pair.shown}
        names = {token.content for token in self.tokenizer.added_tokens_decoder.values()}
        for opening in sorted(names - known):
            if not _SPEAKS_OF_THINKING.search(opening):
                continue
            slashed = (f"{opening[:at]}/{opening[at:]}" for at in (1, 2))
            renamed = (opening.replace(*pair) for pair in _COUNTERPARTS if pair[0] in opening)
            closing = next((name for name in (*slashed, *renamed) if name in names), None)
            if closing is not None:
                yield TagPair.of(opening, closing)


def _opens(end: int, found: ThoughtSpans) -> bool:
    """Tell whether a tag that ends at a place of a text opens its thought."""
    return found.thought is not None and end == found.thought[0]
