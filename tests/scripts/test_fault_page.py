"""The page of faults: each kind has its part, under the address that its messages end with."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from truthmap import errors
from truthmap.cli.app import main
from truthmap.errors import TruthmapError

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from fault_page import fault_page, messages  # stands in scripts/

KINDS = [getattr(errors, name) for name in errors.__all__]


def test_each_kind_of_fault_has_an_address_of_its_own() -> None:
    assert len({kind.address for kind in KINDS}) == len(KINDS)
    assert {kind.address.partition("#")[0] for kind in KINDS} == {"faults.html"}
    assert errors.NotEnoughDataError.address == "faults.html#not-enough-data"


def test_each_address_is_on_the_page_once() -> None:
    anchors = re.findall(r"^\((.+)\)=$", fault_page(), re.MULTILINE)
    assert sorted(anchors) == sorted(kind.address.partition("#")[2] for kind in KINDS)


def test_the_page_has_the_messages_of_each_kind() -> None:
    found, page = messages(), fault_page()
    assert set(found) == {kind.__name__ for kind in KINDS if kind is not TruthmapError}
    assert "there is no layer …; the map has layers 0 to …" in page
    assert all(text in page for texts in found.values() for text in texts if "```" not in text)


@pytest.mark.parametrize(("words", "end"), [(("show", "nowhere"), "(faults.html#run-folder)")])
def test_a_message_ends_with_its_address(
    words: tuple[str, ...], end: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["truthmap", *words])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    assert said.endswith(f"{end}\n")
    assert said.count("\n") == 1
