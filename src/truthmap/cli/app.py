"""The command `truthmap` and how it speaks of faults."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from typing import Annotated

import typer

from truthmap._version import __version__
from truthmap.analyses.registry import ANALYSES
from truthmap.cli.ask import ask
from truthmap.cli.detector import detector
from truthmap.cli.doctor import doctor
from truthmap.cli.export import export
from truthmap.cli.figure import figure
from truthmap.cli.import_log import import_log
from truthmap.cli.plan import plan
from truthmap.cli.questions import questions
from truthmap.cli.report import report
from truthmap.cli.run import run
from truthmap.cli.serve import serve
from truthmap.cli.show import show
from truthmap.cli.verify import verify
from truthmap.errors import PartialError, StorageError, TruthmapError, UsageError
from truthmap.terminal.command import Command
from truthmap.terminal.output import flush, print_lines, printable, write_any_text

app = typer.Typer(
    name="truthmap",
    help="Where inside a language model the correctness of its own answers can be read.",
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command(cls=Command)(run)
app.command(cls=Command)(questions)
app.command("import", cls=Command)(import_log)
for _analysis in ANALYSES:
    app.command(cls=Command)(_analysis.command)
app.command(cls=Command)(detector)
app.command(cls=Command)(ask)
app.command(cls=Command)(serve)
app.command(cls=Command)(doctor)
app.command(cls=Command)(plan)
app.command(cls=Command)(show)
app.command(cls=Command)(report)
app.command(cls=Command)(figure)
app.command(cls=Command)(export)
app.command(cls=Command)(verify)


@app.callback(invoke_without_command=True)
def truthmap(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Where inside a language model the correctness of its own answers can be read."""
    if version:
        print_lines([f"truthmap {__version__}"])
        raise typer.Exit


def main() -> None:
    """Run the command line.

    A fault of the user's input is one line on standard error and exit code 2; 3: only a part of the work failed.
    """
    write_any_text()
    try:
        try:
            app()
        finally:
            flush()
    except TruthmapError as error:
        sys.exit(_fail(f"{error} ({error.address})", 3 if isinstance(error, PartialError) else 2))
    except OSError as error:
        sys.exit(_fail(f"{_of_the_system(error)} ({StorageError.address})", 2))
    except UnicodeEncodeError as error:
        text = printable(error.object[:100])
        sys.exit(
            _fail(
                f"{text!r} holds bytes that are no UTF-8, so it cannot be written down; use another name "
                f"({UsageError.address})",
                2,
            )
        )
    except KeyboardInterrupt as stopped:
        number = getattr(stopped, "signal", signal.SIGINT)
        sys.exit(_fail("stopped; start the same command again to go on where it stopped", 128 + number))


def _of_the_system(error: OSError) -> str:
    """Say in one line what the operating system refused, of which file, and what can be done."""
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    what = error.strerror or str(error) or type(error).__name__
    return f"{' and '.join(named) or 'a file'}: {what}; name another place, or mend this one, and start again"


def _fail(message: str, code: int) -> int:
    with suppress(OSError):  # nobody may be there to read it
        print_lines([f"truthmap: {printable(message)}"], stderr=True)
    return code
