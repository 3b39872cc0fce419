"""What a command found, as data and as text: whoever calls it gets the one that was asked for."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import reduce, wraps
from operator import or_
from pkgutil import resolve_name
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import from_json, to_json

from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.mode import OutputMode, output_mode, speaking
from truthmap.terminal.output import only_documents, print_json

Command = Callable[..., None]
_PANEL = "Output"
KINDS = "reply_kinds"
"""The attribute of a command that names the types of its replies."""


@dataclass(frozen=True)
class Reply:
    """What a command found.

    Attributes:
        found: The result: a pydantic model, a dataclass, or plain data.
        show: Prints it for a reader.
        code: What the command ends with.
    """

    found: Any
    show: Callable[[], None]
    code: ExitCode = ExitCode.DONE

    @property
    def plain(self) -> Any:
        """The result as JSON can express it; a number that is none or infinite is `null`."""
        return from_json(to_json(self.found, inf_nan_mode="null"))


class FaultTold(BaseModel):
    """What went wrong.

    Attributes:
        kind: Which of truthmap's errors it is; `Stopped`: somebody stopped it; `Bug`: a fault of truthmap's own.
        message: What was expected, what came, and what to do.
        address: The part of the site that says more of faults of this kind.
        exit_code: What the command ends with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    message: str
    address: str | None
    exit_code: int


class Fault(BaseModel):
    """What every command prints in place of its result where it fails."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: FaultTold


class Interruption(Exception):  # noqa: N818 - nothing failed
    """Somebody stopped the command; typer would end at once where it sees a `KeyboardInterrupt`, and say nothing.

    Attributes:
        signal: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


def tell(reply: Reply) -> None:
    """Print a reply as it is wanted: as JSON, or for a reader."""
    if output_mode().as_json:
        print_json(reply.plain)
    else:
        reply.show()


def replies(*kinds: str) -> Callable[[Callable[..., Reply | None]], Command]:
    """Return a decorator for a command that returns its reply; it gets --json, --quiet and --no-color.

    A command that has told its replies itself, one after the other, returns `None`.

    Args:
        kinds: Where the types of its replies are, `module:class`, each a pydantic model or a dataclass: naming them
            loads nothing. Its schema is made from them.
    """

    def decorate(command: Callable[..., Reply | None]) -> Command:
        @wraps(command)
        def replying(*, as_json: bool, quiet: bool, no_color: bool, **given: Any) -> None:
            mode = OutputMode(as_json, quiet, color=not no_color)
            with speaking(mode), only_documents() if as_json else nullcontext(), _interruptible():
                reply = command(**given)
                if reply is not None:
                    tell(reply)
            if reply is not None and reply.code:
                raise typer.Exit(int(reply.code))

        own = inspect.signature(command, eval_str=True).parameters.values()
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [*(p.replace(kind=keyword) for p in own), *_parameters()]
        replying.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        replying.__annotations__ = {p.name: p.annotation for p in parameters}
        setattr(replying, KINDS, kinds)
        return replying

    return decorate


def reply_schema(command: Command) -> dict[str, Any]:
    """Return the JSON schema of what a command prints with --json: one of its replies, or a fault."""
    kinds = [resolve_name(kind) for kind in getattr(command, KINDS)]
    either: Any = reduce(or_, [*kinds, Fault])
    schema = TypeAdapter(either).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stopped:
        raise Interruption(getattr(stopped, "signal", signal.SIGINT)) from stopped


def _parameters() -> Iterable[inspect.Parameter]:
    options = {
        "as_json": typer.Option("--json", help="Print the result as one JSON document", rich_help_panel=_PANEL),
        "quiet": typer.Option("--quiet", "-q", help="Say nothing on the way, only faults", rich_help_panel=_PANEL),
        "no_color": typer.Option("--no-color", help="No colours, as under NO_COLOR", rich_help_panel=_PANEL),
    }
    for name, option in options.items():
        annotation = Annotated[bool, option]
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
