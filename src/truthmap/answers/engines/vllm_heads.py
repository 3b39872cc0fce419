"""What runs inside vLLM's workers for a detector: products of the states of chosen tokens.

They are taken where the states are, so that a few numbers leave the device instead of the states. vLLM mixes
`HeadReader` into its worker class; whoever started vLLM calls its methods by `collective_rpc`. A request says in its
`extra_args` which of its tokens are read and where the numbers go. Hooks see a pass only where vLLM computes without
compilation and without CUDA graphs (`enforce_eager`).
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from torch import nn

from truthmap.answers.engines.vllm_worker import aligned, blocks_of, hook, parts_of_pass, places_of, rows_of

READ = "truthmap"
"""In `extra_args` of a request: `[first slot, how many, position of the first]`; -1: the last token of the prompt."""


@dataclass(frozen=True)
class Tap:
    """What is kept of a layer's state (d,).

    Attributes:
        layer: Which layer.
        arrays: Of a projection: `matrix` (k, d), `offset` (k,), `mean` and `scale` (d,), float64; it gives k products
            and the squared length of the standardised state. None of these: the state itself is kept.
        start: Where its numbers begin among those of all taps.
    """

    layer: int
    arrays: Mapping[str, torch.Tensor]
    start: int

    def __call__(self, rows: torch.Tensor, part: slice) -> torch.Tensor:
        """Return what is kept of rows: (n, own width), the `part` of the whole state, → float64 (n, numbers).

        What several workers give of their parts adds up to what one gives of the whole.
        """
        exact = rows.double()
        if not self.arrays:
            return exact
        standardised = (exact - self.arrays["mean"][part]) / self.arrays["scale"][part]
        products = exact @ self.arrays["matrix"][:, part].T
        if not part.start:
            products = products + self.arrays["offset"]
        return torch.cat([products, (standardised**2).sum(1, keepdim=True)], dim=1)


@dataclass
class TokenReading:
    """Shared memory that is written to, and what the pass under way has for it.

    Attributes:
        seen: uint8 (slots,), 1 where a token's numbers are there; of this worker, as all that follows.
        values: float64 (slots, numbers).
    """

    seen: torch.Tensor
    values: torch.Tensor
    rows: torch.Tensor | None = None
    slots: torch.Tensor | None = None
    step: list[tuple[int, torch.Tensor]] = field(default_factory=list)


class HeadReader:
    """Mixed into vLLM's worker: its methods are named so that none is one of the worker's own."""

    model_runner: Any
    model_config: Any
    parallel_config: Any
    rank: int
    _truthmap_taps: Sequence[Tap] = ()
    _truthmap_width = 0
    _truthmap_reading: TokenReading | None = None

    def truthmap_install(self, site: str, layers: Sequence[int]) -> dict[str, Any]:
        """Install the hooks, which do nothing until there is something to read and memory to write to.

        Returns:
            `width`: numbers in a state; `workers`: how many have a part of it each; or `fault`: why it is not there.
        """
        if self._truthmap_width:
            return {"fault": "another process reads them already: start one server process"}
        model = self.model_runner.get_model()
        blocks = blocks_of(model, int(self.model_config.get_total_num_hidden_layers()))
        width = int(self.model_config.get_hidden_size())
        places = blocks if isinstance(blocks, str) else places_of(site, [blocks[layer] for layer in layers], width)
        if isinstance(places, str):
            return {"fault": places}
        self._truthmap_width = places[0].width
        workers = int(self.parallel_config.tensor_parallel_size) if places[0].reads_input else 1
        if self.rank < workers:
            for layer, place in zip(layers, places, strict=True):
                hook(place, self._truthmap_taker(layer))
            model.register_forward_pre_hook(self._truthmap_begin, with_kwargs=True)
            model.register_forward_hook(self._truthmap_end)
        return {"width": places[0].width, "workers": workers}

    def truthmap_use(self, path: str, layers: Sequence[int], sizes: Sequence[int]) -> None:
        """Keep this of each token's states from now on.

        Args:
            path: A file of tensors `n.name`: the arrays of tap n.
            layers: The layer of each tap.
            sizes: How many numbers each gives.
        """
        device = self.model_runner.device
        found = {name: tensor.to(device) for name, tensor in load_tensors(Path(path).read_bytes()).items()}
        self._truthmap_reading = None
        self._truthmap_taps = [
            Tap(layer, {name.partition(".")[2]: t for name, t in found.items() if name.startswith(f"{n}.")}, start)
            for n, (layer, start) in enumerate(zip(layers, [sum(sizes[:n]) for n in range(len(sizes))], strict=True))
        ]

    def truthmap_open(self, path: str, n_slots: int, n_values: int, n_workers: int) -> None:
        """Write to this shared memory from now on: `n_values` numbers for each of `n_slots` tokens and each worker."""
        with Path(path).open("r+b") as file:
            shared = mmap.mmap(file.fileno(), 0)
        if self.rank < n_workers:
            seen, values = head_views(shared, n_slots, n_values, n_workers)
            self._truthmap_reading = TokenReading(seen[self.rank], values[self.rank])

    def truthmap_settle(self) -> None:
        """Return when every pass before this call has been written: calls are done in their order."""

    def _truthmap_begin(self, _model: nn.Module, _args: Any, _kwargs: Any) -> None:
        """Find out which rows of the pass that begins are read, and where their numbers go."""
        reading = self._truthmap_reading
        if reading is None:
            return
        rows: list[int] = []
        slots: list[int] = []
        for part in parts_of_pass(self.model_runner, READ):
            slot, count, start = (int(number) for number in part.asked)
            start = part.n_prompt - 1 if start < 0 else start
            low, high = max(part.first, start), min(part.end, start + count)
            rows.extend(range(part.row + low - part.first, part.row + high - part.first))
            slots.extend(range(slot + low - start, slot + high - start))
        reading.step = []
        reading.rows = torch.tensor(rows, device=self.model_runner.device) if rows else None
        reading.slots = torch.tensor(slots) if rows else None

    def _truthmap_taker(self, layer: int) -> Callable[[Any], None]:
        def take(handed: Any) -> None:
            reading = self._truthmap_reading
            if reading is None or reading.rows is None:
                return
            rows = rows_of(handed, reading.rows)
            own = rows.shape[-1]
            part = slice(0, own) if own == self._truthmap_width else slice(self.rank * own, (self.rank + 1) * own)
            for tap in self._truthmap_taps:
                if tap.layer == layer:
                    # A part of the state itself stands at its place in the whole.
                    shift = 0 if tap.arrays else part.start
                    reading.step.append((tap.start + shift, tap(rows, part)))

        return take

    def _truthmap_end(self, _model: nn.Module, _args: Any, _output: Any) -> None:
        """Write what the pass gave."""
        reading = self._truthmap_reading
        if reading is None or reading.slots is None:
            return
        everything = torch.cat([numbers for _, numbers in reading.step], dim=1).cpu()
        taken = 0
        for start, numbers in reading.step:
            size = numbers.shape[1]
            reading.values[reading.slots, start : start + size] = everything[:, taken : taken + size]
            taken += size
        reading.seen[reading.slots] = 1
        reading.rows = reading.slots = None


def head_views(shared: mmap.mmap, n_slots: int, n_values: int, n_workers: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what lies in shared memory: uint8 (workers, slots) and float64 (workers, slots, numbers)."""
    count = n_workers * n_slots
    seen = torch.frombuffer(shared, dtype=torch.uint8, count=count).view(n_workers, n_slots)
    values = torch.frombuffer(shared, dtype=torch.float64, count=count * n_values, offset=aligned(count))
    return seen, values.view(n_workers, n_slots, n_values)


def head_bytes(n_slots: int, n_values: int, n_workers: int) -> int:
    """Return how many bytes `head_views` sees."""
    return aligned(n_workers * n_slots) + 8 * n_workers * n_slots * n_values
