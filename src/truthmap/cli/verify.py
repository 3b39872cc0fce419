"""`truthmap verify`: read a whole run, name what is broken, and have just that made again."""

from __future__ import annotations

from typing import Annotated

import typer

from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.options import RunArgument
from truthmap.terminal.output import print_lines
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies


@replies("truthmap.pipeline.verify:Verified")
def verify(
    run: RunArgument,
    repair: Annotated[bool, typer.Option("--repair", help="Make again what is broken, and nothing else")] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="While repairing, run the code that came with the model")
    ] = False,
    states_at: Annotated[
        str | None,
        typer.Option(help="While repairing, write states to this address that the run names", show_default=False),
    ] = None,
) -> Reply:
    """Read every file of a run and name those that are missing or not as they were written.

    Exit code 0: all is whole. 1: something is broken, and named.
    """
    from truthmap.pipeline.verify import Verified, repair_run, verify_run

    broken = verify_run(run, Bars())
    advice = f"`truthmap verify {run} --repair` makes those of its stages again"
    if broken and repair:
        repair_run(run, Bars(), trust_remote_code=trust_remote_code, states_at=states_at)
        broken, advice = verify_run(run, Bars()), "what makes them again stands beside each"
    last = f"{len(broken)} of the run's parts are broken; {advice}" if broken else f"{run} is whole"
    code = ExitCode.FOUND if broken else ExitCode.DONE
    return Reply(Verified(run, not broken, broken), lambda: print_lines([*map(str, broken), last]), code)
