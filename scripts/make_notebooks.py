"""Make the notebooks from the scripts of `examples/`: `make notebooks`.

A notebook is a list of scripts, each its docstring as text and its code as cells, cut at its blank lines outside
functions. `python scripts/make_notebooks.py [--run]` writes them to `examples/notebooks/`; with `--run` those for this
machine are run in a kernel (`pip install 'truthmap[notebook]' nbclient`) and their outputs kept.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from example_pages import ROOT, examples  # stands beside this file

OUT = ROOT / "examples" / "notebooks"


@dataclass(frozen=True)
class Notebook:
    """What a notebook is made of.

    Attributes:
        name, title: Of its file, and what stands at its top.
        says: What is said under the title.
        scripts: The scripts, in order.
        before: Code cells before them.
        changed: What is written otherwise in the scripts' code.
        run_here: Whether it can be run on any machine.
    """

    name: str
    title: str
    says: str
    scripts: tuple[str, ...]
    before: tuple[str, ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    run_here: bool = True


_SHOWN = (
    (
        'run.plot().figure.savefig("first_map.png", dpi=70)',
        "run\n\n# The map.\nrun.plot().figure\n\n# With its numbers under the pointer.\nrun.plot_interactive()",
    ),
    ("from pathlib import Path\n\n", ""),
    (
        (
            'print(shown)\nPath("answer.html").write_text(shown._repr_html_(), encoding="utf-8")\nprint()\n'
            'print(run.show(wrong["id"].iloc[0], by="log_prob"))'
        ),
        (
            "shown\n\n# By the probabilities with which the model chose its tokens.\n"
            'run.show(wrong["id"].iloc[0], by="log_prob")'
        ),
    ),
)
"""What a script saves or prints, and a notebook shows."""

NOTEBOOKS = (
    Notebook(
        "first_map",
        "A map, and what is on it",
        "The built-in model, on a laptop, in a few minutes.",
        ("first_map", "read_an_answer", "custom_probe"),
        changed=_SHOWN,
    ),
    Notebook(
        "colab_4b",
        "A map of a model of four billion parameters, on a GPU",
        "For a notebook with a GPU of 16 GB (Colab: Runtime, Change runtime type, T4 GPU). **It has not been run as it "
        "stands here**: no number in it was measured. On a GPU of another size change the model or `limit`; where "
        "truthmap is in no index yet, install its wheel.",
        ("first_map", "read_an_answer", "detector_in_an_app"),
        before=("%pip install --quiet 'truthmap[notebook]'", "!truthmap doctor"),
        changed=(
            *_SHOWN,
            (
                'Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities")',
                'Study(model="Qwen/Qwen3-4B-Instruct-2507", questions="cities", limit=1000, out="runs/4b")',
            ),
            ("inside a small model", "inside a model"),
            ("The built-in model is asked 150 questions", "The model is asked 1,000 questions"),
            ("\n150 questions are enough to see how it works", ""),
            ("; a map to draw conclusions from takes about 1,000 (`make demo`).", ""),
            ("limit=0.4", "limit=0.1"),
            ("at most 40 %", "at most 10 %"),
        ),
        run_here=False,
    ),
)  # fmt: skip


def main() -> None:
    """Write the notebooks; run those that can be, if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true")
    given = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    for notebook in NOTEBOOKS:
        made = assemble(notebook)
        if given.run and notebook.run_here:
            made = run_notebook(made)
        text = json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True)
        (OUT / f"{notebook.name}.ipynb").write_text(f"{text}\n", encoding="utf-8")
        sys.stdout.write(f"{notebook.name}: {len(made['cells'])} cells\n")


def assemble(notebook: Notebook) -> dict[str, Any]:
    """Return the notebook without outputs, in the format 4.5; the same scripts give the same bytes."""
    by_name = {each.name: each for each in examples()}
    cells = [_text(f"# {notebook.title}\n\n{notebook.says}"), *map(_code, notebook.before)]
    for name in notebook.scripts:
        example = by_name[name]
        cells.append(_text(_changed(f"## {example.title}\n\n{example.says}".rstrip(), notebook)))
        cells += map(_code, _blocks(_changed(example.code, notebook)))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _text(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(code: str) -> dict[str, Any]:
    lines = code.splitlines(keepends=True)
    return {"cell_type": "code", "metadata": {}, "source": lines, "outputs": [], "execution_count": None}


def _changed(text: str, notebook: Notebook) -> str:
    for old, new in notebook.changed:
        text = text.replace(old, new)
    return text


def _blocks(code: str) -> list[str]:
    """Return code in cells: what stands together, a function or lines without a blank one between them."""
    lines, starts = code.splitlines(), {node.lineno - 1 for node in ast.parse(code).body}
    blocks: list[list[str]] = [[]]
    for number, line in enumerate(lines):
        after_blank = number > 0 and not lines[number - 1].strip()
        if after_blank and (number in starts or line.startswith("#")):
            blocks.append([])
        blocks[-1].append(line)
    return ["\n".join(block).strip() for block in blocks if "".join(block).strip()]


def run_notebook(made: dict[str, Any]) -> dict[str, Any]:
    """Run a notebook in an empty folder, and return it with its outputs, without bars and standard error.

    Interactive figures are left out, too: each would bring Plotly's whole script into the file.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.reads(json.dumps(made), as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONWARNINGS"] = "ignore"
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if _is_kept(each)]
    ran: dict[str, Any] = json.loads(nbformat.writes(notebook))
    return ran


def _is_kept(output: Any) -> bool:
    data = str(output.get("data", {}))
    return output.get("name") != "stderr" and "<progress" not in data and "plotly" not in data.lower()


if __name__ == "__main__":
    main()
