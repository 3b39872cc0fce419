"""Changing hidden states while a model reads or writes: hooks that write, and are always taken off again.

Adding a vector is what inference-time intervention (Li et al., arXiv 2306.03341) does to the heads that it chose;
taking a direction out is an orthogonal projection, as in directional ablation (Arditi et al., arXiv 2406.11717), here
through the centre of the states and not through zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from truthmap.errors import UsageError
from truthmap.lm.hooks import HookPoint
from truthmap.shown import ShortRepr


class Edit(Protocol):
    """What is done to states."""

    def __call__(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return states (k, d) changed, in their own dtype; `rows` int64 (k,) says of which row of the batch each is.

        Where nothing is to be changed, a state comes back bit for bit.
        """
        ...


@dataclass(frozen=True, repr=False)
class Shift(ShortRepr):
    """Adds a vector.

    Attributes:
        vectors: float (d,), the same for every row, or (rows, d), one for each row of the batch.
    """

    vectors: torch.Tensor

    def __call__(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return states (k, d) with the vectors of their rows added; adding 0 changes no bit, of -0.0 neither."""
        by = _of_rows(self.vectors, rows, states).to(_exact(states))
        return torch.where(by == 0, states, (states.to(by.dtype) + by).to(states.dtype))


@dataclass(frozen=True, repr=False)
class Ablation(ShortRepr):
    """Takes a direction out: each state is moved along it to where the centre lies.

    Attributes:
        directions: float (d,), or (rows, d), one for each row of the batch; their length does not matter. A direction
            of length 0 takes out nothing.
        centre: float (d,), a state whose share along the direction is put in the place of each state's own.
    """

    directions: torch.Tensor
    centre: torch.Tensor

    def __call__(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return states (k, d) without the directions of their rows: doing so twice is doing so once, bit for bit."""
        exact = _exact(states)
        along = torch.nn.functional.normalize(_of_rows(self.directions, rows, states).to(exact), dim=-1)
        apart = states.to(exact) - self.centre.to(states.device, exact)
        share = (apart * along).sum(dim=-1, keepdim=True)
        # What rounding to the states' own dtype leaves along the direction is not taken for something left to take out.
        rounding = 2 * torch.finfo(states.dtype).eps * states.to(exact).norm(dim=-1, keepdim=True)
        rounding = rounding + 64 * torch.finfo(exact).eps * apart.norm(dim=-1, keepdim=True)
        return torch.where(share.abs() <= rounding, states, (states.to(exact) - share * along).to(states.dtype))


@contextmanager
def edit_hidden_states(hook_point: HookPoint, edit: Edit, where: torch.Tensor | None = None) -> Iterator[None]:
    """Change hidden states at a hook point, in every forward pass inside the `with`.

    Whoever records states inside the same `with`, and began after it, sees them changed. The tensors that the model
    itself holds are not written into.

    Args:
        hook_point: Where: `lm.blocks.at(site)[layer]`.
        edit: What is done: `Shift`, `Ablation`, or a function like them.
        where: bool (rows, tokens), at which tokens of a pass; by default at all of every pass, also where answers are
            generated token by token. Padding is no place where anything needs to be changed.

    Raises:
        UsageError: in a pass, if it has not the rows and tokens that `where` speaks of.
    """

    def edited(handed: Any) -> Any:
        states = hook_point.states(handed)
        flat = states.reshape(-1, states.shape[-1])
        if where is None:
            rows = torch.arange(states.shape[0], device=states.device)
            rows = rows.repeat_interleave(len(flat) // states.shape[0])
            return hook_point.replaced(handed, edit(flat, rows).view_as(states))
        if where.numel() != len(flat) or (states.ndim > 2 and where.shape != states.shape[:2]):
            raise UsageError(
                f"`where` speaks of {tuple(where.shape)} rows and tokens, and the pass has {tuple(states.shape[:-1])}: "
                "give it the shape of the token ids that are read"
            )
        chosen = where.to(states.device)
        changed = flat.clone()
        changed[chosen.flatten()] = edit(flat[chosen.flatten()], chosen.nonzero()[:, 0])
        return hook_point.replaced(handed, changed.view_as(states))

    if hook_point.reads_input:
        handle = hook_point.module.register_forward_pre_hook(lambda _module, inputs: edited(inputs))
    else:
        handle = hook_point.module.register_forward_hook(lambda _module, _inputs, output: edited(output))
    try:
        yield
    finally:
        handle.remove()


def _of_rows(vectors: torch.Tensor, rows: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    """Return the vector of each state's row: (k, d)."""
    if vectors.shape[-1] != states.shape[-1]:
        raise UsageError(
            f"the states have {states.shape[-1]} numbers each, and they are to be changed by {vectors.shape[-1]}"
        )
    here = vectors.to(states.device)
    if here.ndim == 1:
        return here.expand_as(states)
    if len(rows) and int(rows.max()) >= len(here):
        raise UsageError(
            f"there are vectors for {len(here)} rows and states of {int(rows.max()) + 1}: give one for each row of the "
            "batch, and say which tokens are meant (`where`)"
        )
    return here[rows]


def _exact(states: torch.Tensor) -> torch.dtype:
    """Return what to compute in: float64, where the device has it."""
    return torch.float32 if states.device.type == "mps" else torch.float64
