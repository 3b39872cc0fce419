"""Questions one after the other, with a model that is loaded once: typed at a prompt, or the lines of a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TextIO

from truthmap.errors import PartialError, TruthmapError, UsageError
from truthmap.terminal.output import flush, print_fault, print_lines

_PROMPT = "Question: "
_GIVE_ONE = 'give one: truthmap ask DETECTOR "QUESTION"'


def ask_each(questions: Iterator[str], answer: Callable[[str], None]) -> None:
    """Answer each question; one that cannot be asked is told, and the next one comes.

    Raises:
        PartialError: some could not be asked.
    """
    n = failed = 0
    for question in questions:
        n += 1
        try:
            answer(question)
        except TruthmapError as error:
            failed += 1
            print_fault(f"truthmap: {' '.join(str(error).split())} ({error.address})")
        flush()
    if failed:
        raise PartialError(f"{failed} of {n} questions could not be asked; each is named above")


def typed_questions(read: Callable[[str], str] = input) -> Iterator[str]:
    """Read questions at a prompt until Ctrl-D or Ctrl-C; empty lines are passed over."""
    print_lines(["Ask a question; Ctrl-D ends."], stderr=True)
    while True:
        try:
            line = read(_PROMPT)
        except (EOFError, KeyboardInterrupt):
            print_lines([""], stderr=True)
            return
        if line.strip():
            yield line.strip()


def piped_questions(lines: TextIO | None) -> Iterator[str]:
    """Read a question from each line of a pipe or file; empty lines are passed over.

    Raises:
        UsageError: there is no input, no question in it, or it is not UTF-8.
    """
    if lines is None:
        raise UsageError(f"there is nothing to read questions from; {_GIVE_ONE}")
    some = False
    try:
        for question in filter(None, map(str.strip, lines)):
            some = True
            yield question
    except UnicodeDecodeError as error:
        raise UsageError(f"the questions cannot be read: expected UTF-8, but {error}") from error
    if not some:
        raise UsageError(f"no question came through the pipe; {_GIVE_ONE}")
