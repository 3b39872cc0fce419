"""Which controls are measured and with what, as settings; apart from `run`, so that the command's help stays light."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ControlSettings(BaseModel):
    """Which controls are measured, and what some of them need besides the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    only: tuple[str, ...] = Field((), description="Measure these controls and no others")
    without: tuple[str, ...] = Field((), description="Leave these controls out")
    peers: tuple[str, ...] = Field(
        (), description="Other models (names, or runs of them on the same questions) that read the same texts"
    )
    others: tuple[str, ...] = Field((), description="Runs of the same model on other questions")
    text_model: str | None = Field(
        None, description="Sentence-embedding model (folder, package or hub id) for the question and answer side"
    )
    popularity: Path | None = Field(
        None, description="File with a column popularity for each question's subject, for recall-or-truth"
    )
