"""Hooks that are always taken off again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

OnStates = Callable[[int, torch.Tensor], None]
"""Called with a layer's number and its states (batch, tokens, d)."""


@dataclass(frozen=True)
class HookPoint:
    """Where a site is read in one block: what goes into a module, or what comes out of it.

    Attributes:
        module: The module.
        reads_input: Read what goes in.
        streams: The axis of parallel residual streams, for models that have several (0 or 2 of four).
    """

    module: nn.Module
    reads_input: bool = False
    streams: int | None = None

    def states(self, handed: Any) -> torch.Tensor:
        """Return the states (rows, tokens, d) from what the module was handed or hands on.

        Parallel streams of a token stand side by side in its d; some modules hand (rows * tokens, d).
        """
        states = first_tensor(handed)
        if self.streams is None:
            return states
        return (states.movedim(0, 2) if self.streams == 0 else states).flatten(2)

    def replaced(self, handed: Any, states: torch.Tensor) -> Any:
        """Return what the module was handed or hands on with other states in it, in the form of `states`."""
        own = first_tensor(handed)
        if self.streams is not None:
            states = states.reshape(*states.shape[:2], own.shape[self.streams], -1)
            states = states.movedim(2, 0) if self.streams == 0 else states
        return _with_first_tensor(handed, states)


@contextmanager
def record_hidden_states(hook_points: Iterable[HookPoint], on_states: OnStates) -> Iterator[None]:
    """Hand `on_states` the hidden states at each hook point, in every forward pass inside the `with`.

    Args:
        hook_points: Where to read, one for each layer, the first layer first.
        on_states: Called in the pass itself, with the layer's number; it must copy what it keeps.
    """

    def on_output(layer: int, hook_point: HookPoint) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _module, _inputs, output: on_states(layer, hook_point.states(output))

    def on_input(layer: int, hook_point: HookPoint) -> Callable[[nn.Module, Any], None]:
        return lambda _module, inputs: on_states(layer, hook_point.states(inputs))

    with ExitStack() as handles:
        for layer, hook_point in enumerate(hook_points):
            if hook_point.reads_input:
                handle = hook_point.module.register_forward_pre_hook(on_input(layer, hook_point))
            else:
                handle = hook_point.module.register_forward_hook(on_output(layer, hook_point))
            handles.callback(handle.remove)
        yield


@contextmanager
def select_rows(module: nn.Module, places: Sequence[int]) -> Iterator[None]:
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
def record_calls(modules: Iterable[nn.Module]) -> Iterator[dict[nn.Module, int]]:
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


def _with_first_tensor(output: Any, tensor: torch.Tensor) -> Any:
    """Return what a module returned with another tensor in the place of `first_tensor`."""
    if not isinstance(output, (tuple, list)):
        return tensor
    parts = [_with_first_tensor(output[0], tensor), *output[1:]]
    # A named tuple takes its fields one by one.
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
