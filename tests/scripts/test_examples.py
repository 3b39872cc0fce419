"""The examples: public names only, a title each, shown on the site, and notebooks that are made of them."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from example_pages import OUTPUT, Example, examples  # stands in scripts/
from make_notebooks import NOTEBOOKS, OUT, Notebook, assemble

from truthmap.runs.run import Run

ALL = examples()


def test_there_are_a_dozen_examples() -> None:
    assert len(ALL) >= 12


@pytest.mark.parametrize("example", ALL, ids=lambda each: each.name)
def test_an_example_imports_public_names_only(example: Example) -> None:
    found = [node for node in ast.walk(ast.parse(example.code)) if isinstance(node, ast.ImportFrom)]
    own = [node for node in found if (node.module or "").split(".")[0] == "truthmap"]
    assert own
    for node in own:
        module = importlib.import_module(node.module or "")
        assert {alias.name for alias in node.names} <= set(module.__all__)


@pytest.mark.parametrize("example", ALL, ids=lambda each: each.name)
def test_the_site_has_what_an_example_printed(example: Example) -> None:
    assert example.title
    assert (OUTPUT / f"{example.name}.txt").read_text(encoding="utf-8").strip()
    assert example.name in json.loads((OUTPUT / "times.json").read_text(encoding="utf-8"))


def test_figures_of_examples_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in OUTPUT.glob("*.png")}
    assert len(sizes) >= 6
    assert [name for name, size in sizes.items() if size > 150_000] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda each: each.name)
def test_notebooks_are_made_of_the_scripts(notebook: Notebook) -> None:
    kept = json.loads((OUT / f"{notebook.name}.ipynb").read_text(encoding="utf-8"))
    made = assemble(notebook)
    assert [cell["source"] for cell in kept["cells"]] == [cell["source"] for cell in made["cells"]]
    assert len(json.dumps(kept)) < 500_000


@pytest.mark.parametrize("name", ["custom_probe", "own_labels", "read_an_answer"])
def test_an_example_runs_on_a_finished_run(
    name: str, finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = (each for each in ALL if each.name == name)
    opened = re.sub(
        r"run_study\(\n.*?\n\)", f"truthmap.open_run({str(finished.path)!r})", example.code, flags=re.DOTALL
    )
    assert opened != example.code
    monkeypatch.chdir(finished.path.parent)
    exec(compile(f"import truthmap\n{opened}", name, "exec"), {})
    assert capsys.readouterr().out
