"""The check that all output goes one way: it finds the others, and none in the package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_output", ROOT / "scripts" / "check_output.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "code",
    [
        "print('a')", "typer.echo(x)", "typer.secho(x)", "click.echo(x)", "sys.stdout.write(x)", "file = sys.stderr",
        "from sys import stderr", "from typer import echo", "rich.print(x)", "Console().print(x)",
        "rich.console.Console()", "warnings.warn(x)", "os.write(1, x)", "traceback.print_exc()", "if x:\n    print(1)",
    ],
)  # fmt: skip
def test_every_way_past_it_is_found(check: ModuleType, code: str, tmp_path: Path) -> None:
    (tmp_path / "truthmap").mkdir()
    (tmp_path / "truthmap" / "a.py").write_text(code)
    assert check.main(tmp_path) == 1


@pytest.mark.parametrize("code", ["terminal().print(x)", "def f(console: Console): console.print(1)", "print_lines(x)"])
def test_the_one_way_is_free(check: ModuleType, code: str) -> None:
    assert list(check.writers(code)) == []


def test_the_package_goes_that_way(check: ModuleType) -> None:
    assert check.main(ROOT / "src") == 0
