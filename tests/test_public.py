"""The public surface: light to import, sorted, and every name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import truthmap


def test_importing_truthmap_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "pandas", "matplotlib", "sklearn", "scipy", "pyarrow", "plotly")
    told = f"import sys, truthmap; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_needs_no_torch() -> None:
    told = (
        "import sys; from truthmap.cli.app import main; sys.argv = ['truthmap', '--help']\n"
        "try: main()\nexcept SystemExit: pass\nprint('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert "run" in done.stdout
    assert done.stderr.strip() == "False"


def test_public_names_are_sorted_and_all_there() -> None:
    assert truthmap.__all__ == sorted(truthmap.__all__)
    for name in truthmap.__all__:
        assert getattr(truthmap, name) is not None
    assert set(truthmap.__all__) <= set(dir(truthmap))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        truthmap.nonsense  # noqa: B018
