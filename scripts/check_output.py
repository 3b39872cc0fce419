"""Nobody writes to the terminal but `truthmap/terminal/output.py`, which shows text from outside as text.

`python scripts/check_output.py [SRC]` reads every module under `src/truthmap`, prints each place that writes in another
way, and ends with exit code 1 if there is any. A word that may be the name of something else is a fault all the same.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ALLOWED = "truthmap/terminal/output.py"
CALLS = frozenset({"print", "pprint", "input", "Console", "get_console", "print_exc", "print_exception", "secho"})
"""Functions and classes that write to the terminal, by their last name."""
OF_MODULES = {
    "sys": frozenset({"stdout", "stderr", "__stdout__", "__stderr__", "excepthook"}),
    "typer": frozenset({"echo", "secho", "confirm", "prompt", "progressbar"}),
    "click": frozenset({"echo", "secho", "confirm", "prompt", "progressbar"}),
    "rich": frozenset({"print", "print_json", "get_console", "inspect"}),
    "warnings": frozenset({"warn", "warn_explicit", "showwarning"}),
    "os": frozenset({"write", "system"}),
}
"""What writes to the terminal, or is it, by the module that it is of."""


def main(source: Path) -> int:
    """Print what is wrong, and return the exit code."""
    faults = [
        f"{path.relative_to(source).as_posix()}:{line}: {what} writes to the terminal; use truthmap.terminal.output"
        for path in sorted((source / "truthmap").rglob("*.py"))
        if path.relative_to(source).as_posix() != ALLOWED
        for line, what in writers(path.read_text(encoding="utf-8"))
    ]
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{len(faults)} places write to the terminal past terminal/output.py\n")
    return 1 if faults else 0


def writers(code: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of whatever writes to the terminal."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and _last_name(node.func) in CALLS and not _is_method(node.func):
            yield node.lineno, f"{_last_name(node.func)}()"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in OF_MODULES.get(node.value.id, ()):
                yield node.lineno, f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in OF_MODULES:
            yield from (
                (node.lineno, f"{node.module}.{name.name}")
                for name in node.names
                if name.name in OF_MODULES[node.module]
            )


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_method(node: ast.expr) -> bool:
    """Tell whether a function is called on an object: what `terminal()` gives prints safely."""
    return isinstance(node, ast.Attribute) and node.attr in ("print", "input")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "src"))
