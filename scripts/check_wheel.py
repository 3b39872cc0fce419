"""Build the wheel, and try it in empty environments with the newest and the oldest allowed dependencies: `make wheel`.

`python scripts/check_wheel.py [newest] [oldest] [--python PYTHON] [--pin NAME==VERSION …]` builds `dist/`, checks what
the index will show (`twine check`) and that no file of the package is missing, and for each kind makes a virtual
environment, installs the wheel there and draws a small map with the built-in model, on the command line alone. Oldest
means the lower bounds of `pyproject.toml`, all at once; a pin goes before a bound. It prints which versions were tried
and how long each command took, and ends with exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
KINDS = ("newest", "oldest")
_SMOKE = (
    ("--version",),
    ("questions", "cities"),
    ("run", "--model", "smollm2", "--questions", "cities", "--limit", "120", "--permutations", "5", "--out", "run"),
    ("run", "--model", "smollm2", "--questions", "cities", "--limit", "120", "--permutations", "5", "--out", "run"),
    ("show", "run"),
    ("figure", "run", "roc", "--out", "roc.pdf"),
    ("export", "run", "--to", "npz"),
    ("export", "run", "--to", "parquet"),
    ("detector", "run", "--at-most", "0.4"),
    ("ask", "run/detector", "In which country is the city of Lima?"),
    ("report", "run"),
    ("verify", "run"),
)
"""What a stranger does first."""
_VERSIONS = """
import sys, importlib.metadata as of, importlib.resources as at
import truthmap
assert (at.files(truthmap) / "py.typed").is_file()
print("Python " + sys.version.split()[0], *(f"{name} {of.version(name)}" for name in sys.argv[1:]), sep=", ")
"""


def main() -> int:
    """Build, check and try; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=(*KINDS, []), default=[])
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the environments")
    parser.add_argument("--pin", action="append", default=[], help="a requirement beside the bounds")
    parser.add_argument("--at", type=Path, help="where the environments are made and kept")
    given = parser.parse_args()
    wheel = build()
    with tempfile.TemporaryDirectory() as own:
        for kind in given.kinds or KINDS:
            folder = (given.at or Path(own)) / kind
            bounds = lower_bounds() if kind == "oldest" else {}
            pinned = {name: version for name, _, version in (pin.partition("==") for pin in given.pin)}
            told = try_wheel(wheel, folder, given.python, {**bounds, **pinned})
            sys.stdout.write(f"{kind}: {told or 'all well'}\n")
            if told:
                return 1
    return 0


def build() -> Path:
    """Build the distributions, check their descriptions and what is in the wheel, and return the wheel."""
    for old in (ROOT / "dist").glob("truthmap-*"):
        old.unlink()
    _run([sys.executable, "-m", "build", "--outdir", str(ROOT / "dist"), str(ROOT)], ROOT)
    found = sorted((ROOT / "dist").glob("truthmap-*"))
    _run([sys.executable, "-m", "twine", "check", "--strict", *map(str, found)], ROOT)
    (wheel,) = (path for path in found if path.suffix == ".whl")
    source = ROOT / "src"
    files = (path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    missing = {path.relative_to(source).as_posix() for path in files} - set(zipfile.ZipFile(wheel).namelist())
    if missing:
        raise SystemExit(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    return wheel


def lower_bounds() -> dict[str, str]:
    """Return what `pyproject.toml` requires at least, by name."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (block,) = re.findall(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    return dict(re.findall(r'"([\w-]+)>=([\w.]+)', block))


def try_wheel(wheel: Path, folder: Path, python: str, pins: Mapping[str, str]) -> str:
    """Install the wheel into a new environment and use it; return what failed, nothing if all is well."""
    _run([python, "-m", "venv", "--clear", str(folder)], ROOT)
    own = folder / "bin"
    lines = [f"{name}=={version}" for name, version in pins.items()]
    (folder / "pins.txt").write_text("\n".join(lines), encoding="utf-8")
    try:
        _run([str(own / "pip"), "install", "--quiet", "-c", str(folder / "pins.txt"), str(wheel)], folder)
        installed = _run([str(own / "python"), "-c", _VERSIONS, *lower_bounds()], folder)
        sys.stdout.write(f"{folder.name}: {installed.strip()}\n")
        for words in _SMOKE:
            began = time.monotonic()
            _run([str(own / "truthmap"), *words], folder)
            sys.stdout.write(f"{time.monotonic() - began:6.1f} s  truthmap {' '.join(words)}\n")
            sys.stdout.flush()
    except subprocess.CalledProcessError as error:
        return f"{' '.join(map(str, error.cmd))} ended with {error.returncode}:\n{(error.output or '')[-3000:]}"
    return ""


def _run(command: Sequence[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(  # noqa: S603 (our own commands)
        command, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
