"""What import-linter does not see: circles between modules, and own imports that hide in functions.

`python scripts/check_imports.py [SRC]` reads every module under `src/truthmap`, counts imports wherever they stand (at
the top, inside functions, under `TYPE_CHECKING`), prints each circle and each import in a place where the house allows
none, and ends with exit code 1 if there is any.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PACKAGE = "truthmap"
MAY_IMPORT_LATE = re.compile(
    r"truthmap/(cli/\w+|analyses/\w+/command|answers/engines/\w+|execution/(models|ray)|__init__|__main__)\.py"
)
"""Where a command or a loader must stay light: a command's module is imported to show the help of all, an engine's to
know its settings."""


class Import(NamedTuple):
    """An own import: what is imported, where it stands, and whether it runs when the module is imported."""

    module: str
    line: int
    late: bool


def main(source: Path) -> int:
    """Print what is wrong, and return the exit code."""
    modules = {name_of(path, source): path for path in sorted((source / PACKAGE).rglob("*.py"))}
    imports = {name: list(imports_of(path, modules)) for name, path in modules.items()}
    faults = [*late_imports(modules, imports, source), *circles(imports)]
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{len(modules)} modules, {len(faults)} faults\n")
    return 1 if faults else 0


def name_of(path: Path, source: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    """Yield a module's own imports, wherever they stand."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {id(inner) for outer in ast.walk(tree) if _is_late(outer) for inner in ast.walk(outer)}
    for node in ast.walk(tree):
        for module in _own_modules(node, modules):
            yield Import(module, getattr(node, "lineno", 0), id(node) in late)


def _is_late(node: ast.AST) -> bool:
    """Tell whether what stands in a node is not run when the module is imported."""
    if isinstance(node, ast.If):
        return any(
            isinstance(n, (ast.Name, ast.Attribute)) and "TYPE_CHECKING" in ast.unparse(n) for n in ast.walk(node.test)
        )
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def _own_modules(node: ast.AST, modules: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules)
    elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in modules else node.module


def late_imports(modules: Mapping[str, Path], imports: Mapping[str, Sequence[Import]], source: Path) -> Iterator[str]:
    """Yield a line for each own import inside a function, or for types only, where the house allows none."""
    for name, path in modules.items():
        if MAY_IMPORT_LATE.fullmatch(path.relative_to(source).as_posix()):
            continue
        for each in imports[name]:
            if each.late:
                yield f"{path}:{each.line}: {each.module} is imported late: move the import to the top of the file"


def circles(imports: Mapping[str, Sequence[Import]]) -> Iterator[str]:
    """Yield a line for each set of modules that import each other in a circle (Tarjan's strongly connected sets)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = lowest[module] = len(index)
        stack.append(module)
        for each in imports.get(module, ()):
            if each.module not in index:
                visit(each.module)
                lowest[module] = min(lowest[module], lowest[each.module])
            elif each.module in stack:
                lowest[module] = min(lowest[module], index[each.module])
        if lowest[module] == index[module]:
            start = stack.index(module)
            members = stack[start:]
            del stack[start:]
            if len(members) > 1:
                found.append(sorted(members))

    sys.setrecursionlimit(10_000)
    for module in imports:
        if module not in index:
            visit(module)
    for members in sorted(found, key=len, reverse=True):
        yield f"a circle of {len(members)} modules: {', '.join(members)}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "src")))
