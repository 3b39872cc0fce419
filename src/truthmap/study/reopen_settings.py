"""What is said when somebody goes on from a finished run; its other settings are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from truthmap.study.given import GivenObjects
from truthmap.study.sections import ResourcesSection
from truthmap.study.study import Study, with_settings


@dataclass(frozen=True)
class ReopenSettings:
    """Where and how fast to compute, and what the run's own folder may not decide.

    Attributes:
        resources: Where and how fast; where the states are is the run's own affair.
        endpoint: Where the endpoint is, for a run whose answers came from one; never taken from the run's folder.
        trust_remote_code: Run the Python code that came with the run's model. That the run's own settings say so is not
            enough: they may be somebody else's.
        given: What a program gave to the run's study (`Study.given`), which the folder does not keep.
    """

    resources: ResourcesSection = field(default_factory=ResourcesSection)
    endpoint: str | None = None
    trust_remote_code: bool = False
    given: GivenObjects = field(default_factory=GivenObjects)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ReopenSettings:
        """Make them from settings by their flat names.

        Raises:
            UsageError: a setting is outside what is allowed.
        """
        own = {name: given[name] for name in ("endpoint", "trust_remote_code") if name in given}
        rest = {name: value for name, value in given.items() if name not in own}
        return cls(with_settings(Study(), rest).resources, **own)
