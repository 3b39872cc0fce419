"""The page `docs/gpu.md`: a block for each part, which says when, on which card and by which command it was measured.

A part that is measured again replaces its own block; the others stay.
"""

from __future__ import annotations

import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.gpu.card import Card, name_of
from benchmarks.gpu.section import Section

PAGE = Path(__file__).parent.parent.parent / "docs" / "gpu.md"

PARTS = ("laws", "memory", "generating", "grid", "smollm2")
CEILINGS = "ceilings"

_HEAD = """\
# On a GPU

{status}

`make gpu` measures what truthmap does on one GPU, in under eight minutes and without a network, and writes this page.
The large model has random weights, made on the device: its answers mean nothing, its speed and its sums are real.
Ratios are taken within one run. `python -m benchmarks.gpu --small --device cpu` runs every line of it at about a
hundredth of the size where there is no GPU. The laws alone are tests: `pytest -m gpu`.

What has been run on no GPU so far: vLLM; several GPUs (`--device-map`, tensor parallelism, Ray with GPUs); 8- and 4-bit
weights (bitsandbytes); Apple's MPS.
"""

_BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->\n", re.DOTALL)
_NO_GPU = "no GPU"
NOT_RUN = "Not run"
"""How a section begins that was not measured, or not to its end."""


def ceilings_section(card: Card) -> Section:
    """Say what the device reaches at its best."""
    said = (
        f"A bfloat16 matrix product of random numbers runs at **{_rate(card.product)}FLOP/s**, a copy within the "
        f"device's memory at **{_rate(card.copy)}B/s**, read and written: the *matrix peak* and the *memory's speed* "
        "of which the tables give shares."
    )
    return Section("The ceilings", [said])


def write_part(page: Path, part: str, section: Section, card: Card, command: str) -> None:
    """Put a part's section into the page, in place of what stands there.

    Args:
        page: The file; it need not exist yet.
        part: One of `PARTS`, or `CEILINGS`.
        section: What was measured, or why it was not.
        card: Where.
        command: What measured it.
    """
    blocks = dict(_BLOCK.findall(page.read_text(encoding="utf-8"))) if page.exists() else {}
    where = _NO_GPU if card.device.type == "cpu" else "one GPU"
    made = f"{datetime.now(UTC).date()}, {name_of(card.device)}, {where}; {_versions()}; `{command}`"
    blocks[part] = section.markdown(made)
    standing = {name: blocks[name] for name in (CEILINGS, *PARTS) if name in blocks}
    text = [f"<!-- {name} -->\n{block}<!-- /{name} -->\n" for name, block in standing.items()]
    page.write_text("\n".join([_HEAD.format(status=_status(standing)), *text]), encoding="utf-8")


def _status(blocks: dict[str, str]) -> str:
    """Say which parts have not run on a GPU."""
    pending = [part for part in PARTS if not _has_run(blocks.get(part))]
    if len(pending) == len(PARTS):
        return "**Not yet run on a GPU.** The figures below are those of a small try-out on a CPU."
    return f"**Not yet run on a GPU:** {', '.join(pending)}." if pending else "Everything below was run on a GPU."


def _has_run(block: str | None) -> bool:
    return block is not None and f", {_NO_GPU};" not in block and NOT_RUN not in block


def _versions() -> str:
    names = ("torch", "transformers", "numpy")
    cuda = f", CUDA {torch.version.cuda}" if torch.version.cuda else ""
    return f"Python {platform.python_version()}, {', '.join(f'{n} {version(n)}' for n in names)}{cuda}"


def _rate(value: float) -> str:
    for unit, size in (("T", 1e12), ("G", 1e9)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e6:.3g} M"
