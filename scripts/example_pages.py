"""The site's pages of examples: each script of `examples/` with what it printed and drew when it was last run."""

from __future__ import annotations

import ast
import inspect
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
EXAMPLES, OUTPUT = ROOT / "examples", ROOT / "examples" / "output"
_ORDER = (
    "first_map", "own_csv", "own_spans", "claims", "eval_log", "another_model", "read_an_answer", "custom_probe",
    "own_position", "own_labels", "thought_map", "own_score", "control", "transfer", "detector_in_an_app",
)  # fmt: skip
"""Reading order; what is not named here comes last."""


_ABOUT = (
    "Scripts of `examples/`, each for one thing, with what it printed and drew. All run on the built-in model, without "
    "a GPU, and use public names only; `make examples` runs them all. Most open the run that the first one makes, and "
    "make it where it is missing. With so few questions they show how things are done; what such numbers are worth, "
    "their intervals say. Some are notebooks, too: `examples/notebooks/`."
)


class Example(NamedTuple):
    """A script: its name, what its docstring says (the first line is its title), its code without that."""

    name: str
    title: str
    says: str
    code: str


def examples() -> list[Example]:
    """Return the examples in reading order."""
    found = [_example(path) for path in sorted(EXAMPLES.glob("*.py"))]
    return sorted(found, key=lambda each: (_ORDER.index(each.name) if each.name in _ORDER else len(_ORDER), each.name))


def _example(path: Path) -> Example:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    title, _, says = inspect.cleandoc(ast.get_docstring(tree) or path.stem).partition("\n")
    end = tree.body[0].end_lineno or 0
    return Example(path.stem, title.rstrip("."), says.strip(), "\n".join(source.splitlines()[end:]).strip())


def write_example_pages(folder: Path) -> None:
    """Write a page for each example and one that lists them into `folder`, with their figures."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for figure in OUTPUT.glob("*.png"):
        shutil.copy(figure, folder)
    for name, text in (("index", _index()), *((each.name, _page(each)) for each in examples())):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _page(example: Example) -> str:
    printed, seconds = OUTPUT / f"{example.name}.txt", _times().get(example.name)
    lines = [f"# {example.title}", "", example.says, "", f"`examples/{example.name}.py`:", ""]
    lines += ["```python", example.code, "```", ""]
    if printed.exists():
        lines += [
            "It prints",
            "",
            "```text",
            printed.read_text(encoding="utf-8").rstrip().replace("```", "'''"),
            "```",
            "",
        ]
    if (OUTPUT / f"{example.name}.png").exists():
        lines += ["and draws", "", f"![{example.title}]({example.name}.png)", ""]
    if seconds is not None:
        lines += [f"It took {seconds['processor']} seconds of processor time.", ""]
    return "\n".join(lines)


def _index() -> str:
    lines = [
        "# Examples",
        "",
        _ABOUT,
        "",
        "| example | | processor time |",
        "|---|---|---|",
        *_rows(),
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *(example.name for example in examples()),
        "```",
        "",
    ]
    return "\n".join(lines)


def _rows() -> Iterator[str]:
    times = _times()
    for each in examples():
        picture = f"![]({each.name}.png)" if (OUTPUT / f"{each.name}.png").exists() else ""
        seconds = f"{times[each.name]['processor']} s" if each.name in times else ""
        yield f"| [{each.title}]({each.name}.md) | {picture} | {seconds} |"


def _times() -> dict[str, dict[str, int]]:
    path = OUTPUT / "times.json"
    found: dict[str, dict[str, int]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found
