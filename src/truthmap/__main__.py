"""`truthmap` and `python -m truthmap`: the command line, started quickly."""

from __future__ import annotations

import gc


def main() -> None:
    """Load the command line and run it.

    What is loaded stays until the end: looking for garbage among it would cost a short command a seventh of its time.
    """
    gc.disable()
    from truthmap.cli.app import main as run_command_line

    gc.freeze()
    gc.enable()
    run_command_line()


if __name__ == "__main__":
    main()
