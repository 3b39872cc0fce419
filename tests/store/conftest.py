"""A store in a folder, and at a place that fsspec opens."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.made_states import shard

from truthmap.store.states import StateStore


@pytest.fixture(params=["folder", "remote"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Return a folder, and a place that fsspec opens."""
    if request.param == "folder":
        yield tmp_path / "states"
        return
    yield f"memory://{uuid.uuid4().hex}/states"


@pytest.fixture
def store(address: Path | str) -> StateStore:
    made = StateStore(address)
    for number in range(3):
        made.write(number, f"key {number}", shard(number))
    return made
