"""The public surface: light to import, sorted, and every name is there."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import truthmap
from truthmap import errors
from truthmap.shown import ShortRepr

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "pandas", "matplotlib", "sklearn", "scipy", "pyarrow", "plotly", "numba", "numpy")
LAZY = (
    "truthmap",
    *sorted(f"truthmap.{stub.parent.name}" for stub in (ROOT / "src" / "truthmap").glob("*/__init__.pyi")),
)
PUBLIC = (*LAZY, "truthmap.errors", "truthmap.positions", "truthmap.records")


def _run(told: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)


def test_importing_truthmap_and_its_rooms_loads_nothing_heavy() -> None:
    done = _run(f"import sys, {', '.join(LAZY)}; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_help_needs_no_torch() -> None:
    told = (
        "import sys; from truthmap.cli.app import main; sys.argv = ['truthmap', '--help']\n"
        "try: main()\nexcept SystemExit: pass\nprint('torch' in sys.modules, file=sys.stderr)"
    )
    done = _run(told)
    assert "run" in done.stdout
    assert done.stderr.strip() == "False"


def test_the_version_is_there() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", truthmap.__version__)


@pytest.mark.parametrize("room", LAZY)
def test_public_names_are_sorted_and_all_there(room: str) -> None:
    module = importlib.import_module(room)
    assert module.__all__
    assert module.__all__ == sorted(module.__all__)
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("room", PUBLIC)
def test_public_classes_and_functions_have_docstrings(room: str) -> None:
    module = importlib.import_module(room)
    things = {name: getattr(module, name) for name in module.__all__}
    spoken = {name: thing for name, thing in things.items() if inspect.isclass(thing) or inspect.isfunction(thing)}
    assert spoken
    assert [name for name, thing in spoken.items() if not inspect.getdoc(thing)] == []


@pytest.mark.parametrize("room", LAZY)
def test_no_public_name_is_also_that_of_a_module(room: str) -> None:
    # Whoever imports the module would find it in place of the name, or the other way round.
    folder = Path(importlib.import_module(room).__file__ or "").parent
    modules = {path.stem for path in folder.glob("*.py")} | {path.name for path in folder.iterdir() if path.is_dir()}
    assert modules & set(importlib.import_module(room).__all__) == set()


_MANY = re.compile(r"ndarray|Floats|Ints|Bools|Texts|AnyArray|Tensor|\.\.\.|Mapping|dict\[|list\[")
_SETTINGS = re.compile(r"(Settings|Section|Engine|Host|Objects|Model)$|^(Study|Analysis|SavedResult|Position|Graders)$")


def _long_records() -> dict[str, type]:
    """Return the public records that hold arrays or any number of things; settings are told in full."""
    kinds = {name: getattr(importlib.import_module(room), name) for room in PUBLIC for name in _names(room)}
    fields = {
        name: [each for each in getattr(kind, "__dataclass_fields__", {}).values() if each.repr]
        or list(getattr(kind, "model_fields", {}).values())
        for name, kind in kinds.items()
        if inspect.isclass(kind)
    }
    held = {name: " ".join(str(getattr(f, "type", f) or f.annotation) for f in found) for name, found in fields.items()}
    return {name: kinds[name] for name, types in held.items() if _MANY.search(types) and not _SETTINGS.search(name)}


def _names(room: str) -> list[str]:
    module = importlib.import_module(room)
    return list(getattr(module, "__all__", [name for name in vars(module) if name[0].isupper()]))


def test_what_holds_much_has_a_short_repr() -> None:
    records = _long_records()
    assert len(records) > 50
    assert sorted(name for name, kind in records.items() if not issubclass(kind, ShortRepr)) == []


def test_a_name_in_two_rooms_is_the_same_thing() -> None:
    homes: dict[str, set[int]] = {}
    for room in PUBLIC:
        module = importlib.import_module(room)
        for name in module.__all__:
            homes.setdefault(name, set()).add(id(getattr(module, name)))
    assert [name for name, things in homes.items() if len(things) > 1] == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        truthmap.nonsense  # noqa: B018


def test_the_tree_at_the_top_of_errors_is_the_real_one() -> None:
    printed = re.findall(r"^ *(?:[├└]── )?(\w+Error)(?: +also an? (\w+))?$", errors.__doc__ or "", re.MULTILINE)
    real = [
        (name, next((base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"), ""))
        for name, kind in vars(errors).items()
        if inspect.isclass(kind)
    ]
    assert printed == [(name, "" if name == "TruthmapError" else other) for name, other in real]
    assert sorted(name for name, _ in real) == sorted(errors.__all__)
    below = [getattr(errors, name) for name, _ in real if name != "TruthmapError"]
    assert all(kind.__bases__[0] is errors.TruthmapError for kind in below)


def _imports(page: Path) -> list[tuple[str, str]]:
    """Return (module, name) of each own import in the Python blocks of a page and in its lines of code."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"`(from truthmap[^`\n]*)`", text)
    found = []
    for node in (node for code in (*blocks, *lines) for node in ast.walk(ast.parse(code))):
        if isinstance(node, ast.ImportFrom):
            found += [(node.module or "", alias.name) for alias in node.names]
        if isinstance(node, ast.Import):
            found += [(alias.name, "__all__") for alias in node.names]
    return [(module, name) for module, name in found if module.split(".")[0] == "truthmap"]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_docs_import_public_names_only(page: Path) -> None:
    internal = [
        f"from {module} import {name}"
        for module, name in _imports(page)
        if module not in PUBLIC or name not in {*importlib.import_module(module).__all__, "__all__"}
    ]
    assert internal == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_docs_name_public_things_only(page: Path) -> None:
    named = re.findall(r"`(truthmap(?:\.\w+)+)(?!\.\w|\w|:)", page.read_text(encoding="utf-8"))
    known = {*PUBLIC, *(f"{room}.{name}" for room in PUBLIC for name in importlib.import_module(room).__all__)}
    assert [name for name in named if name not in known] == []


def test_pages_that_import_something_are_found() -> None:
    assert sum(len(_imports(page)) for page in PAGES) > 30


def test_the_command_line_keeps_what_it_loaded_and_looks_for_garbage_afterwards() -> None:
    told = (
        "import gc, sys; import truthmap.cli.app as app, truthmap.__main__ as started\n"
        "app.main = lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000)\n"
        "started.main()"
    )
    assert _run(told).stdout.split() == ["True", "True"]
