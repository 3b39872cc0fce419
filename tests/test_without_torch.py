"""What only reads what a run found loads no torch: it takes seconds, and a figure or a page needs none of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.small_study import COLUMNS, SHUFFLES

from truthmap.report.figure_kinds import ANALYSIS_FIGURES, FIGURES

READERS = ("runs.data", "pipeline.up_to_date", "report.build", "report.figures", "cli.run", "cli.show", "cli.figure")
"""Modules that read runs: with them all is imported that stands at their tops."""

CODE = """
import contextlib, sys
from importlib import import_module
from pkgutil import resolve_name
from truthmap.cli.app import app

modules, named, run, model, out, chosen = sys.argv[1:]
for name in modules.split():
    import_module(f"truthmap.{name}")
for name in named.split():
    resolve_name(name)
own = ["--model", model, "--questions", "spoken", "--device", "cpu", "--shard", "32", *chosen.split()]
for words in (["figure", run, "map", "--out", f"{out}/map.png"], ["report", run, "--out", f"{out}/page.html"],
              ["run", *own, "--out", run], ["show", run]):
    with contextlib.suppress(SystemExit):
        app(words)
heavy = ("torch", "transformers", "sklearn", "datasets")
print("loaded:", *(name for name in heavy if name in sys.modules))
"""


def test_figures_pages_and_finished_runs_load_no_torch(made_once: Path, tiny_model: Path, tmp_path: Path) -> None:
    named = [kind.draw for kind in FIGURES.values()]
    named += [analysis.saved.kind for analysis in ANALYSIS_FIGURES.values() if analysis.saved]
    words = [" ".join(READERS), " ".join(named), str(made_once), str(tiny_model), str(tmp_path)]
    words.append(f"--positions {','.join(COLUMNS)} --permutations {SHUFFLES}")
    done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["loaded:"], done.stdout + done.stderr
    assert "nothing to do" in done.stdout + done.stderr
    assert "Best cell" in done.stdout
    assert (tmp_path / "map.png").is_file()


def test_a_map_is_drawn_without_the_functions_of_scipy(made_once: Path, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
import truthmap
from truthmap.report.figures import draw_figure
from truthmap.figures.canvas import FigureStyle, draw_and_save
draw_and_save(lambda: draw_figure(truthmap.open_run(sys.argv[1]), "map"), Path(sys.argv[2]), FigureStyle())
print("loaded:", *(name for name in ("scipy.special", "scipy.stats", "sklearn", "torch") if name in sys.modules))
"""
    words = [sys.executable, "-c", code, str(made_once), str(tmp_path / "map.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["loaded:"], done.stdout + done.stderr
