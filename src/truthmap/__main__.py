"""`python -m truthmap`: the command line."""

from __future__ import annotations

from truthmap.cli.app import main

if __name__ == "__main__":
    main()
