"""Hooks that are always taken off again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Look = Callable[[int, torch.Tensor], None]
"""Called with a layer's number and its states (batch, tokens, d)."""


@dataclass(frozen=True)
class HookPoint:
    """Where a site is read in one block: what goes into a module, or what comes out of it."""

    module: nn.Module
    reads_input: bool = False


@contextmanager
def record_hidden_states(taps: Iterable[HookPoint], look: Look) -> Iterator[None]:
    """Show `look` what passes at each tap, in every forward pass inside the `with`."""

    def on_output(layer: int) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _module, _inputs, output: look(layer, first_tensor(output))

    def on_input(layer: int) -> Callable[[nn.Module, Any], None]:
        return lambda _module, inputs: look(layer, first_tensor(inputs))

    with ExitStack() as handles:
        for layer, tap in enumerate(taps):
            if tap.reads_input:
                handle = tap.module.register_forward_pre_hook(on_input(layer))
            else:
                handle = tap.module.register_forward_hook(on_output(layer))
            handles.callback(handle.remove)
        yield


@contextmanager
def rows_passing(module: nn.Module, places: Sequence[int]) -> Iterator[None]:
    """Let a module see some rows of its input only: those at these places of the first axis."""

    def only(_module: nn.Module, inputs: Any) -> tuple[torch.Tensor, ...]:
        states = inputs[0]
        return (states[torch.tensor(places, device=states.device)], *inputs[1:])

    handle = module.register_forward_pre_hook(only)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def calls_recorded(modules: Iterable[nn.Module]) -> Iterator[dict[nn.Module, int]]:
    """Note for each module, while inside the `with`, as which call of all it was last called."""
    calls: dict[nn.Module, int] = {}
    count = iter(range(1 << 62))

    def note(module: nn.Module, _inputs: Any, _output: Any) -> None:
        calls[module] = next(count)

    with ExitStack() as handles:
        for module in modules:
            handles.callback(module.register_forward_hook(note).remove)
        yield calls


def first_tensor(output: Any) -> torch.Tensor:
    """Return the hidden states from what a module returned: the tensor itself, or the first of a tuple."""
    while isinstance(output, (tuple, list)):
        output = output[0]
    assert isinstance(output, torch.Tensor), type(output)
    return output
