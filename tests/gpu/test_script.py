"""The measurements themselves, at a hundredth of their size, on the CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.card import Card
from benchmarks.gpu.page import CEILINGS, ceilings_section, write_part
from benchmarks.gpu.section import Section
from benchmarks.gpu.smollm2 import NotThereError, model_file

CARD = Card(torch.device("cpu"), product=2e12, copy=3e9)


@pytest.mark.slow
def test_every_part_runs_on_the_cpu(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    options = ["--small", "--device", "cpu", "--page", str(page), "--parts", "laws", "memory", "generating", "grid"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *options], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "**Not yet run on a GPU.**" in text
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# On a GPU",
        "## The ceilings",
        "## The laws",
        "## Out of memory",
        "## Generating and capturing",
        "## The grid of probes",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_a_gpu_the_small_size_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "try it out with: --small --device cpu" in capsys.readouterr().err


def test_a_part_replaces_its_own_block_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    write_part(page, CEILINGS, ceilings_section(CARD), CARD, "make gpu")
    for value in ("Six.", "Seven."):
        write_part(page, "laws", Section("The laws", [value], ["batched = single: differs by 2"]), CARD, "make gpu")
    text = page.read_text(encoding="utf-8")
    assert "at **2 TFLOP/s**" in text
    assert "at **3 GB/s**" in text
    assert "Six" not in text
    assert "`make gpu`\n\nSeven.\n\n- **Broken:** batched = single: differs by 2\n" in text


def test_the_page_says_what_has_not_run_on_a_gpu(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    write_part(page, "laws", Section("The laws", ["Six."]), CARD, "make gpu")
    assert "**Not yet run on a GPU.** The figures below are those of a small try-out" in page.read_text("utf-8")
    page.write_text(page.read_text("utf-8").replace(", no GPU;", ", one GPU;"), encoding="utf-8")
    write_part(page, "grid", Section("The grid", ["None."]), CARD, "make gpu")
    assert "**Not yet run on a GPU:** memory, generating, grid, smollm2." in page.read_text("utf-8")


def test_a_model_in_wrong_pieces_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "cache"))
    with pytest.raises(NotThereError, match="nor a folder named by TRUTHMAP_SMOLLM2"):
        model_file(None)
    (tmp_path / "smollm2.parta").write_bytes(b"not")
    (tmp_path / "smollm2.partb").write_bytes(b" it")
    with pytest.raises(NotThereError, match=r"the 2 pieces in .* make a file of SHA-256"):
        model_file(tmp_path)
    assert not any((tmp_path / "cache").rglob("*.gguf"))
