"""The names of the probe recipes: what `--protocol` takes."""

from __future__ import annotations

from truthmap.errors import UsageError
from truthmap.records import StrEnum


class ProbeProtocol(StrEnum):
    """How the probes of a run are made. A recipe NAME is a line here and the file `probes/NAME_protocol.py`."""

    TRUTHMAP = "truthmap"
    PAPER = "paper"


def protocol_named(name: str) -> ProbeProtocol:
    """Return the protocol of this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return ProbeProtocol(name)
    except ValueError as error:
        raise UsageError(f"protocol must be one of {', '.join(ProbeProtocol)}, got {name!r}") from error
