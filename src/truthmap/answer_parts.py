"""An answer's thought and its final part, as spans of its tokens and of its text; and the final part as an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from truthmap.records import Answer, Part, Span
from truthmap.thought_formats import TagPair
from truthmap.thought_text import KNOWN, Formats, ThoughtSpans, find_thought

__all__ = [
    "CUT_OFF_WHILE_THINKING",
    "PromptEnd",
    "TagTokens",
    "final_answer",
    "final_text",
    "in_final",
    "in_other_tokens",
    "in_whole",
    "parted",
    "thought_text",
]

CUT_OFF_WHILE_THINKING = "cut_off_while_thinking"
"""Why an answer is unscored whose thought does not end."""


@dataclass(frozen=True)
class PromptEnd:
    """How a prompt leaves off, as far as thoughts go.

    Attributes:
        inside: Its last words open a thought with this pair's tag; `None`: they do not.
        closed: Its last words close one: the model is to answer at once.
    """

    inside: TagPair | None = None
    closed: bool = False


@dataclass(frozen=True)
class TagTokens:
    """Which token ids of a model are tags, or pieces of tags.

    Attributes:
        unwritten: Ids that leave nothing in an answer's text (special tokens), with what they are called.
        written: Ids that are a tag by themselves and stand in the text.
        formats: The tags to look for.
    """

    unwritten: Mapping[int, str] = field(default_factory=dict)
    written: frozenset[int] = frozenset()
    formats: Formats = KNOWN


def parted(answer: Answer, tokens: TagTokens | None = None, prompt: PromptEnd | None = None) -> Answer:
    """Return an answer with its thought and its final part found; one that has them stays as it is.

    Args:
        answer: The answer.
        tokens: Which of its ids are tags; without them its text alone tells.
        prompt: How its prompt leaves off; without it nothing is known of that.
    """
    if answer.thought is not None or answer.final is not None:
        return answer
    marked = _Marked.of(answer, tokens or TagTokens())
    prompt = prompt or PromptEnd()
    found = find_thought(
        marked.text,
        KNOWN if tokens is None else tokens.formats,
        inside=prompt.inside,
        closed=prompt.closed,
        finished=answer.finished,
        own=marked.own,
    )
    return _with_parts(answer, marked, found)


def in_other_tokens(answer: Answer) -> Answer:
    """Return an answer whose tokens are others than before, with those of its parts found by their characters."""
    end = len(answer.answer_ids)
    return replace(
        answer, thought=_found_again(answer, answer.thought, None), final=_found_again(answer, answer.final, end)
    )


def _found_again(answer: Answer, part: Part | None, end: int | None) -> Part | None:
    """Return a part with the tokens that wrote its characters; `end`: it goes on to that token."""
    if part is None or part.characters is None:
        return part
    within = _tokens_in(answer.offsets, part.characters.start, part.characters.end)
    return replace(part, tokens=_span(within[0], within[-1] + 1 if end is None else end) if within else None)


def final_answer(answer: Answer) -> Answer:
    """Return the final part of an answer as an answer: what stands before it is as if it had been asked.

    An answer without a thought is its own; of one that was cut off while it thinks nothing is left.
    """
    answer = parted(answer)
    final = answer.final
    if final is None:
        nothing = Part(None, None)
        return replace(
            answer, text="", answer_ids=(), log_probs=(), offsets=(), finished=False, thought=None, final=nothing
        )
    if answer.thought is None and final == _whole(answer):
        return answer
    low, high = (0, 0) if final.characters is None else (final.characters.start, final.characters.end)
    first, last = (0, 0) if final.tokens is None else (final.tokens.start, final.tokens.end)
    offsets = tuple((_within(a - low, high - low), _within(b - low, high - low)) for a, b in answer.offsets[first:last])
    return replace(
        answer,
        prompt_ids=(*answer.prompt_ids, *answer.answer_ids[:first]),
        answer_ids=answer.answer_ids[first:last],
        text=answer.text[low:high],
        log_probs=answer.log_probs[first:last],
        offsets=offsets,
        thought=None,
        final=Part(_span(0, last - first), _span(0, high - low)),
    )


def in_whole(answer: Answer, span: Span) -> Span:
    """Return which characters of an answer a span of its final part's text is."""
    final = answer.final
    start = 0 if final is None or final.characters is None else final.characters.start
    return Span(start + span.start, start + span.end)


def in_final(answer: Answer, span: Span | None) -> Span | None:
    """Return which characters of the final part's text a span of the whole answer is; `None`: it is not in there."""
    final = parted(answer).final
    if span is None or final is None or final.characters is None or span.start < final.characters.start:
        return None
    return Span(span.start - final.characters.start, span.end - final.characters.start)


def thought_text(answer: Answer) -> str | None:
    """Return the text of an answer's thought; `None`: it does not think."""
    thought = parted(answer).thought
    if thought is None:
        return None
    return "" if thought.characters is None else answer.text[thought.characters.start : thought.characters.end]


def final_text(text: str) -> str:
    """Return what a text says behind its thought; an empty text where it never ends its thought."""
    final = find_thought(text).final
    return "" if final is None else text[final[0] : final[1]]


def _within(place: int, length: int) -> int:
    return min(max(place, 0), length)


def _whole(answer: Answer) -> Part:
    return Part(_span(0, len(answer.answer_ids)), _span(0, len(answer.text)))


def _span(start: int, end: int) -> Span | None:
    return Span(start, end) if start < end else None


def _with_parts(answer: Answer, marked: _Marked, found: ThoughtSpans) -> Answer:
    thought = None if found.thought is None else marked.part(answer, *found.thought)
    if thought is not None and thought.characters is None:
        thought = None  # it thinks of nothing
    if found.final is None:
        # Nothing was said behind an opening tag: it was cut off there, with a thought of no token.
        return replace(answer, thought=thought or Part(None, None), final=None)
    if thought is None and found.final_tag is None:
        characters = _span(*(marked.in_text(place) for place in found.final))
        return replace(answer, final=replace(_whole(answer), characters=characters))
    return replace(answer, thought=thought, final=marked.final(answer, found))


@dataclass(frozen=True)
class _Marked:
    """An answer's text with the special tokens written out that leave nothing in it.

    Attributes:
        text: That text.
        pieces: For each token that was written out: where in `text` it begins and ends, and its index.
        own: Where in `text` the tokens stand that are control tokens of the model.
    """

    text: str
    pieces: tuple[tuple[int, int, int], ...]
    own: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, answer: Answer, tokens: TagTokens) -> _Marked:
        """Write the special tokens of an answer out."""
        parts: list[str] = []
        pieces: list[tuple[int, int, int]] = []
        own: list[tuple[int, int]] = []
        done = length = 0
        for index, (token, (start, end)) in enumerate(zip(answer.answer_ids, answer.offsets, strict=False)):
            name = tokens.unwritten.get(token)
            if name is not None:
                parts.extend((answer.text[done:start], name))
                begin = length + start - done
                length, done = begin + len(name), start
                pieces.append((begin, length, index))
                own.append((begin, length))
            elif token in tokens.written:
                own.append((length + start - done, length + end - done))
        parts.append(answer.text[done:])
        return cls("".join(parts), tuple(pieces), tuple(own))

    def in_text(self, place: int) -> int:
        """Return where in the answer's own text a place stands."""
        return place - sum(min(place, end) - start for start, end, _ in self.pieces if start < place)

    def tokens_of(self, answer: Answer, start: int, end: int) -> list[int]:
        """Return the indices of the tokens that wrote the characters `[start, end)` of `text`, control tokens too."""
        named = [index for low, high, index in self.pieces if max(low, start) < min(high, end)]
        low, high = self.in_text(start), self.in_text(end)
        wrote = [index for index, (a, b) in enumerate(answer.offsets) if max(a, low) < min(b, high)]
        return sorted({*named, *wrote})

    def part(self, answer: Answer, start: int, end: int) -> Part:
        """Return a part of the answer without white space at its edges; a token of it wrote nothing else but such."""
        low, high = _stripped(answer.text, self.in_text(start), self.in_text(end))
        within = _tokens_in(answer.offsets, low, high) if low < high else []
        return Part(_span(within[0], within[-1] + 1) if within else None, _span(low, high))

    def final(self, answer: Answer, found: ThoughtSpans) -> Part:
        """Return the final part: from its first word on to the last token."""
        assert found.final is not None
        low, high = (self.in_text(place) for place in found.final)
        low += len(answer.text[low:high]) - len(answer.text[low:high].lstrip())
        within = _tokens_in(answer.offsets, low, high) if low < high else []
        tag = self.tokens_of(answer, *found.final_tag) if found.final_tag is not None else []
        first = within[0] if within else tag[-1] + 1 if tag else 0
        return Part(_span(first, len(answer.answer_ids)), _span(low, high))


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())


def _tokens_in(offsets: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    return [index for index, (a, b) in enumerate(offsets) if max(a, start) < min(b, end)]
