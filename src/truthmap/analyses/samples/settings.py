"""How a finished run is sampled, as settings; apart from `run`, so that the help of the command loads no model code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from truthmap.errors import UsageError


class SampleSettings(BaseModel):
    """How to sample; what was drawn with the same temperature, top_p and seed is kept and added to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int = Field(10, ge=1, le=1000, description="Samples per question")
    temperature: float = Field(1.0, gt=0, le=10, description="1 samples from the model as it is")
    top_p: float = Field(1.0, gt=0, le=1, description="Draw only from the likeliest tokens of this probability")
    seed: int = Field(0, ge=0, description="Another seed draws others")
    part: Literal["all", "test"] = Field(
        "all", description="all questions, or those of the test part alone (enough for compare and select)"
    )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> SampleSettings:
        """Make settings from plain values.

        Raises:
            UsageError: one line that names each setting that is outside what is allowed.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()
            )
            raise UsageError(f"these settings cannot be used: {faults}") from error
