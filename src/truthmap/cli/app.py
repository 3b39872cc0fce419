"""The command `truthmap` and how it speaks of faults."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
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
from truthmap.cli.runs import runs
from truthmap.cli.scores import scores
from truthmap.cli.serve import serve
from truthmap.cli.show import show
from truthmap.cli.verify import verify
from truthmap.errors import PartialError, StorageError, TruthmapError, UsageError
from truthmap.terminal.command import Command, Commands, misused
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.output import (
    flush,
    json_documents,
    print_fault,
    print_json,
    print_lines,
    printable,
    write_any_text,
)
from truthmap.terminal.reply import Fault, FaultTold, Interruption

app = typer.Typer(
    name="truthmap",
    cls=Commands,
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
app.add_typer(runs, name="runs")
app.command(cls=Command)(report)
app.command(cls=Command)(figure)
app.command(cls=Command)(export)
app.command(cls=Command)(scores)
app.command(cls=Command)(verify)


@app.callback(invoke_without_command=True)
def truthmap(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Where inside a language model the correctness of its own answers can be read."""
    if version:
        print_lines([f"truthmap {__version__}"])
        raise typer.Exit


def main(command_line: Callable[[], object] = app) -> None:
    """Run the command line; `ExitCode` has what it ends with.

    A fault is one line on standard error. With --json it is the one document on standard output, too, unless the result
    stands there already.

    Args:
        command_line: Reads the words of the command line and does what they say.
    """
    write_any_text()
    try:
        try:
            command_line()
        finally:
            flush()
    except SystemExit as ended:
        if ended.code == ExitCode.FAULT and misused():
            _tell_fault(UsageError, misused(), ExitCode.FAULT)
        raise
    except TruthmapError as error:
        code = ExitCode.PARTIAL if isinstance(error, PartialError) else ExitCode.FAULT
        sys.exit(_fail(type(error), str(error), code))
    except OSError as error:
        sys.exit(_fail(StorageError, _of_the_system(error), ExitCode.FAULT))
    except UnicodeEncodeError as error:
        text = printable(error.object[:100])
        told = f"{text!r} holds bytes that are no UTF-8, so it cannot be written down; use another name"
        sys.exit(_fail(UsageError, told, ExitCode.FAULT))
    except Interruption as stopped:
        code = ExitCode.TERMINATED if stopped.signal == signal.SIGTERM else ExitCode.INTERRUPTED
        told = "stopped; start the same command again to go on where it stopped"
        sys.exit(_fail("Stopped", told, code))
    except Exception as error:  # noqa: BLE001 - a fault of ours is told as one, and apart from what exit code 1 says
        print_fault(traceback.format_exc())
        told = f"a fault of truthmap's own, {type(error).__name__}: please report it with the lines above"
        sys.exit(_fail("Bug", told, ExitCode.BUG))


def _of_the_system(error: OSError) -> str:
    """Say in one line what the operating system refused, of which file, and what can be done."""
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    what = error.strerror or str(error) or type(error).__name__
    return f"{' and '.join(named) or 'a file'}: {what}; name another place, or mend this one, and start again"


def _fail(kind: type[TruthmapError] | str, message: str, code: ExitCode) -> int:
    """Tell a fault: one of ours by its type, which knows where the site says more, or another by its name."""
    more = "" if isinstance(kind, str) else f" ({kind.address})"
    print_fault(f"truthmap: {printable(message)}{more}")
    _tell_fault(kind, printable(message), code)
    return int(code)


def _tell_fault(kind: type[TruthmapError] | str, message: str, code: ExitCode) -> None:
    """Print a fault as the one document, where one is wanted and the result is not there."""
    if "--json" in sys.argv[1:] and not json_documents():
        name, address = (kind, None) if isinstance(kind, str) else (kind.__name__, kind.address)
        told = FaultTold(kind=name, message=message, address=address, exit_code=int(code))
        with suppress(StorageError):
            print_json(Fault(error=told).model_dump(mode="json"))
