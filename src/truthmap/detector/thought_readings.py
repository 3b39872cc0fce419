"""Which tokens are a thought's while it is written, with what was read at each."""

from __future__ import annotations

from collections.abc import Container, Iterator

from truthmap.answers.thought_stream import Gained, ThoughtStream


class ThoughtReadings:
    """The tokens of an answer's thought, as the complete answer's record will have them.

    A thought goes from the first word of the first one to the last word of the last one. White space, what may become a
    tag and what stands behind a closed thought belong to it only if it goes on, so that they wait until it does.

    Attributes:
        ids: The tokens that are known to be the thought's, the first one first.
    """

    def __init__(self, stream: ThoughtStream, unwritten: Container[int]) -> None:
        """Start before the answer's first token.

        Args:
            stream: Tells the answer's thought from the rest.
            unwritten: Tokens that leave nothing in the text.
        """
        self.ids: list[int] = []
        self._stream, self._unwritten = stream, unwritten
        self._waiting: list[tuple[int, float]] = []
        self._was_thinking = stream.is_thinking

    def take(self, token: int, gained: str, sorted_gain: Gained, read: float) -> Iterator[float]:
        """Take in a token that the stream has taken, and yield what was read at those that are sure now, one by one.

        `ids` has grown to the token of which each was read.

        Args:
            token: Its id.
            gained: What the answer's text gained by it.
            sorted_gain: What the stream made of that.
            read: What was read there.
        """
        was_thinking, self._was_thinking = self._was_thinking, self._stream.is_thinking
        if not self.ids and not self._stream.is_thinking:
            self._waiting.clear()
            return
        if not self.ids and not self._waiting and not self._begins(token, gained, sorted_gain, was_thinking):
            return
        self._waiting.append((token, read))
        if not self._stream.is_thinking or not sorted_gain.thought.strip():
            return
        is_sure = bool(gained.strip()) and self._stream.n_kept < len(gained)
        sure = len(self._waiting) if is_sure else len(self._waiting) - 1
        released, self._waiting = self._waiting[:sure], self._waiting[sure:]
        for known, value in released:
            self.ids.append(known)
            yield value

    def _begins(self, token: int, gained: str, sorted_gain: Gained, was_thinking: bool) -> bool:
        """Tell whether a token may be the thought's first: it wrote a word of it, or a piece of a character or tag."""
        is_piece = was_thinking and token not in self._unwritten and (self._stream.n_kept > 0 or not gained)
        return is_piece or bool(sorted_gain.thought.strip())
