"""What runs inside vLLM's workers: hooks that write the hidden states of chosen tokens into shared memory.

vLLM mixes `StateRecorder` into its worker class; whoever started vLLM calls its methods by `collective_rpc`. A request
says in its `extra_args` which of its tokens are kept and where they go; nothing is kept of any other token. Hooks see a
pass only where vLLM computes without compilation and without CUDA graphs (`enforce_eager`).
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

KEPT = "truthmap"
"""In a request's `extra_args`: `{"slot": first row in the shared memory, "spans": [[start, end), …]}`, by position."""


@dataclass(frozen=True)
class Place:
    """Where a site is read in one block of vLLM's model.

    Attributes:
        module: What goes into it or comes out of it.
        width: Numbers in a token's whole state.
        reads_input: Read what goes in. Each worker of several then has its own part of the state.
    """

    module: nn.Module
    width: int
    reads_input: bool = False


@dataclass
class Recording:
    """Shared memory that is written to, and what the pass under way has for it.

    Attributes:
        seen: uint8 (slots,), 1 where a token's states are there.
        states: For each site (slots, L, width).
    """

    seen: torch.Tensor
    states: Mapping[str, torch.Tensor]
    rows: torch.Tensor | None = None
    slots: torch.Tensor | None = None
    step: dict[str, list[torch.Tensor]] = field(default_factory=dict)


class StateRecorder:
    """Mixed into vLLM's worker: its methods are named so that none is one of the worker's own."""

    model_runner: Any
    model_config: Any
    rank: int
    _truthmap_recording: Recording | None = None

    def truthmap_install(self, sites: Sequence[str]) -> dict[str, Any]:
        """Install the hooks, which do nothing until there is shared memory to write to.

        Returns:
            `layers`: how many there are; `dtype`: torch's name of it; `sites`: for each site the width of a state, or
            why it is not there.
        """
        model = self.model_runner.get_model()
        blocks = blocks_of(model, int(self.model_config.get_total_num_hidden_layers()))
        width = int(self.model_config.get_hidden_size())
        found: dict[str, int | str] = {}
        if isinstance(blocks, str):
            return {"layers": 0, "dtype": "float32", "sites": dict.fromkeys(sites, blocks)}
        for site in sites:
            places = places_of(site, blocks, width)
            found[site] = places if isinstance(places, str) else places[0].width
            for place in () if isinstance(places, str) else places:
                hook(place, self._taker(site))
        model.register_forward_pre_hook(self._begin, with_kwargs=True)
        model.register_forward_hook(self._end)
        dtype = str(self.model_config.dtype).removeprefix("torch.")
        return {"layers": len(blocks), "dtype": dtype, "sites": found}

    def truthmap_open(self, path: str, n_slots: int, layout: Sequence[tuple[str, int, int, str]]) -> None:
        """Write to this shared memory from now on.

        Args:
            path: Its file.
            n_slots: How many tokens it has room for.
            layout: What is in it behind the `n_slots` bytes of `seen`: site, layers, width and dtype, each after the
                other.
        """
        with Path(path).open("r+b") as file:
            shared = mmap.mmap(file.fileno(), 0)
        self._truthmap_recording = Recording(*views(shared, n_slots, layout))

    def truthmap_settle(self) -> None:
        """Return when every pass before this call has been written: calls are done in their order."""

    def truthmap_close(self) -> None:
        """Let the shared memory go."""
        self._truthmap_recording = None

    def _begin(self, _model: nn.Module, _args: Any, _kwargs: Any) -> None:
        """Find out which rows of the pass that begins are kept, and where they go."""
        recording = self._truthmap_recording
        if recording is None:
            return
        rows: list[int] = []
        slots: list[int] = []
        for part in parts_of_pass(self.model_runner, KEPT):
            for position, slot in slots_in(part.asked, part.first, part.end):
                rows.append(part.row + position - part.first)
                slots.append(slot)
        recording.step = {site: [] for site in recording.states}
        recording.rows = torch.tensor(rows, device=self.model_runner.device) if rows else None
        recording.slots = torch.tensor(slots) if rows else None

    def _taker(self, site: str) -> Callable[[Any], None]:
        def take(handed: Any) -> None:
            recording = self._truthmap_recording
            if recording is not None and recording.rows is not None:
                recording.step[site].append(rows_of(handed, recording.rows))

        return take

    def _end(self, _model: nn.Module, _args: Any, _output: Any) -> None:
        """Write what the pass gave."""
        recording = self._truthmap_recording
        if recording is None or recording.slots is None:
            return
        for site, layers in recording.step.items():
            whole = recording.states[site]
            part = torch.stack(layers, dim=1).cpu()  # (rows, L, own width)
            width = part.shape[-1]
            own = whole if width == whole.shape[-1] else whole[..., self.rank * width : (self.rank + 1) * width]
            own[recording.slots] = part
        recording.seen[recording.slots] = 1
        recording.rows = recording.slots = None


def views(
    shared: mmap.mmap, n_slots: int, layout: Sequence[tuple[str, int, int, str]]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return what lies in shared memory: uint8 (slots,) and for each site (slots, L, width); see `truthmap_open`."""
    seen = torch.frombuffer(shared, dtype=torch.uint8, count=n_slots)
    states, offset = {}, aligned(n_slots)
    for site, n_layers, width, name in layout:
        dtype, count = getattr(torch, name), n_slots * n_layers * width
        states[site] = torch.frombuffer(shared, dtype=dtype, count=count, offset=offset).view(n_slots, n_layers, width)
        offset += aligned(count * dtype.itemsize)
    return seen, states


def aligned(count: int) -> int:
    """Round a number of bytes up, so that what follows begins where any dtype may."""
    return -(-count // 64) * 64


class PassPart(NamedTuple):
    """What of a request one pass of vLLM computes: its tokens `[first, end)`, from a row of the batch on."""

    asked: Any
    n_prompt: int
    first: int
    end: int
    row: int


def parts_of_pass(runner: Any, name: str) -> Iterator[PassPart]:
    """Yield what the pass that begins computes of each request that asks for something by this name.

    Args:
        runner: vLLM's model runner.
        name: Where `extra_args` of the sampling parameters say what is asked for.
    """
    batch, starts = runner.input_batch, runner.query_start_loc.np
    for n, request in enumerate(batch.req_ids):
        state = runner.requests[request]
        asked = (getattr(state.sampling_params, "extra_args", None) or {}).get(name)
        if asked is not None:
            first, row = int(batch.num_computed_tokens_cpu[n]), int(starts[n])
            yield PassPart(asked, int(state.num_prompt_tokens), first, first + int(starts[n + 1]) - row, row)


def slots_in(kept: Mapping[str, Any], first: int, end: int) -> Iterable[tuple[int, int]]:
    """Yield, of the positions `[first, end)` of a sequence, those that are kept, each with its slot."""
    slot = int(kept["slot"])
    for start, stop in kept["spans"]:
        for position in range(max(start, first), min(stop, end)):
            yield position, slot + position - start
        slot += stop - start


def blocks_of(model: nn.Module, n_layers: int) -> list[nn.Module] | str:
    """Return the blocks: the outermost list of as many modules as there are layers; or why there is none."""
    found = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m) == n_layers]
    depth = min((name.count(".") for name, _ in found), default=0)
    outermost = [module for name, module in found if name.count(".") == depth]
    return list(outermost[0]) if len(outermost) == 1 else f"{len(outermost)} lists of {n_layers} blocks in vLLM's model"


def places_of(site: str, blocks: Sequence[nn.Module], width: int) -> list[Place] | str:
    """Return where a site is read in each block, or why it cannot be."""
    if site == "residual":
        return [Place(block, width) for block in blocks]
    if site not in _INNER:
        return f"vLLM has no site {site}"
    places = [_INNER[site](block, width) for block in blocks]
    reason = next((place for place in places if isinstance(place, str)), None)
    return reason or [place for place in places if isinstance(place, Place)]


def _attention(block: nn.Module, _width: int) -> Place | str:
    """Return where the output of attention (or of whatever else mixes tokens) is read."""
    last = _last_projection(_mixers(block))
    return last if isinstance(last, str) else Place(last, int(last.output_size))


def _head(block: nn.Module, _width: int) -> Place | str:
    last = _last_projection(_mixers(block))
    return last if isinstance(last, str) else Place(last, int(last.input_size), reads_input=True)


def _mlp(block: nn.Module, width: int) -> Place | str:
    others = _others(block)
    last = _last_projection(others)
    if isinstance(last, str):  # a mixture of experts
        return Place(others[0], width) if len(others) == 1 else last
    return Place(last, int(last.output_size))


def _mlp_post(block: nn.Module, _width: int) -> Place | str:
    last = _last_projection(_others(block))
    return last if isinstance(last, str) else Place(last, int(last.input_size), reads_input=True)


_INNER: Mapping[str, Callable[[nn.Module, int], Place | str]] = {
    "attention": _attention,
    "mixer": _attention,
    "head": _head,
    "mlp": _mlp,
    "mlp_post": _mlp_post,
}


def _mixers(block: nn.Module) -> list[nn.Module]:
    """Return the children that have keys and values, or a recurrent state."""
    from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase

    return [child for child in block.children() if any(isinstance(m, AttentionLayerBase) for m in child.modules())]


def _others(block: nn.Module) -> list[nn.Module]:
    """Return the other children that have parts: norms have none, and on a CPU vLLM packs matrices out of sight."""
    mixers = _mixers(block)
    return [c for c in block.children() if c not in mixers and any(True for _ in c.children())]


def _last_projection(modules: Sequence[nn.Module]) -> Any:
    """Return the one projection that gathers what its workers computed, which is the last; or why there is none."""
    from vllm.model_executor.layers.linear import RowParallelLinear

    found = [m for module in modules for m in module.modules() if isinstance(m, RowParallelLinear)]
    return found[0] if len(found) == 1 else f"{len(found)} last projections in a block of vLLM's model"


def hook(place: Place, take: Callable[[Any], None]) -> None:
    """Let a function have what is read at a place, each time that it is computed."""
    if place.reads_input:
        place.module.register_forward_pre_hook(lambda _module, inputs: take(inputs[0]))
    else:
        place.module.register_forward_hook(lambda _module, _inputs, output: take(output))


def rows_of(handed: Any, rows: torch.Tensor) -> torch.Tensor:
    """Return rows (rows, d) of what a module gives, copied: the norm that comes next adds in place.

    A block of vLLM hands on what it adds, and what that is added to.
    """
    parts = [handed] if isinstance(handed, torch.Tensor) else [p for p in handed if isinstance(p, torch.Tensor)]
    own = parts[0].reshape(-1, parts[0].shape[-1])[rows]
    if len(parts) == 2 and parts[0].shape == parts[1].shape:
        return own + parts[1].reshape(-1, parts[1].shape[-1])[rows]
    return own
