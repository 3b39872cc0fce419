"""The blocks of a model and the sites in them, found by asking the model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from truthmap.errors import ModelError, UsageError
from truthmap.lm.accepted import recurrent_layers
from truthmap.lm.hooks import HookPoint
from truthmap.lm.trial_pass import try_pass
from truthmap.records import Site

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Blocks:
    """The blocks of a model.

    Attributes:
        path: Module path of the list of blocks.
        modules: The L blocks, in order.
        hook_points: For each site that the model has, L places to read; the others map to why they are not there.
    """

    path: str
    modules: tuple[nn.Module, ...]
    hook_points: Mapping[Site, tuple[HookPoint, ...] | str]

    def at(self, site: Site) -> tuple[HookPoint, ...]:
        """Return the L places where a site is read.

        Raises:
            ModelError: the model has no such site.
        """
        found = self.hook_points[site]
        if isinstance(found, str):
            known = ", ".join(str(s) for s, hook_points in self.hook_points.items() if not isinstance(hook_points, str))
            raise ModelError(f"this model has no site {site}: {found}; it has {known}")
        return found


def find_blocks(model: PreTrainedModel, override: str | None = None) -> Blocks:
    """Find the blocks of a decoder and the sites in them.

    The blocks are the outermost list of as many modules as the configuration counts layers. In a block, the attention
    is the child that takes an attention mask; the MLP is the other child that holds matrices. Which projection comes
    last in each is seen in one short forward pass.

    Args:
        model: A causal language model.
        override: Module path of the list of blocks, if it is not to be searched.

    Raises:
        ModelError: no such list, or more than one, or its blocks have no state for each token; the message says what to
            set.
    """
    path = override if override is not None else _path_of_blocks(model, _layer_count(model))
    try:
        listed = model.get_submodule(path)
    except AttributeError as error:
        raise ModelError(f"the model has no module {path!r} (given as `blocks`): {error}") from error
    if not isinstance(listed, nn.ModuleList) or len(listed) == 0:
        raise ModelError(f"`blocks` = {path!r} names a {type(listed).__name__}, expected a non-empty list of modules")
    modules = tuple(listed)
    projections = list({leaf: None for block in modules for leaf in block.modules() if _is_projection(leaf)})
    trial = try_pass(model, modules, projections)
    residual = tuple(HookPoint(block, streams=trial.stream_axis) for block in modules)
    return Blocks(path, modules, {Site.RESIDUAL: residual, **_inner_sites(model, modules, trial.calls)})


def _layer_count(model: PreTrainedModel) -> int:
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    if not isinstance(count, int) or count <= 0:
        raise ModelError(
            f"{model.config.model_type} does not say how many blocks it has (num_hidden_layers is {count!r} in its "
            "configuration); name their list with the setting `blocks` (--blocks), e.g. --blocks model.layers"
        )
    return count


def _path_of_blocks(model: PreTrainedModel, n_layers: int) -> str:
    # The part that reads text, in a model that also sees or hears.
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model
    inside = next((name for name, module in model.named_modules() if module is decoder), "")
    found = [
        name for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module) == n_layers
    ]
    found = [name for name in found if name.startswith(inside)] or found
    depth = min((name.count(".") for name in found), default=0)
    outermost = [name for name in found if name.count(".") == depth]
    # Projections may be as many as blocks; blocks have parts.
    outermost = [name for name in outermost if any(True for _ in model.get_submodule(name)[0].children())] or outermost
    if len(outermost) != 1:
        what = f"several: {', '.join(outermost)}" if outermost else "none"
        raise ModelError(
            f"expected one list of {n_layers} blocks in {type(model).__name__}, found {what}; "
            "name it with the setting `blocks` (--blocks), e.g. --blocks model.layers"
        )
    return str(outermost[0])


def _inner_sites(
    model: PreTrainedModel, blocks: tuple[nn.Module, ...], calls: Mapping[nn.Module, int]
) -> dict[Site, tuple[HookPoint, ...] | str]:
    read = (Site.MLP, Site.MLP_POST, Site.ATTENTION, Site.HEAD)
    sites: dict[Site, list[HookPoint | str]] = {site: [] for site in read}
    for block in blocks:
        attention, mlp = _children(block)
        output = _last_projection(attention, calls, "attention")
        sites[Site.ATTENTION].append(output)
        sites[Site.HEAD].append(output if isinstance(output, str) else HookPoint(output.module, reads_input=True))
        projection = _last_projection(mlp, calls, "MLP")
        mixture = (len(mlp) == 1 and any(p.ndim > 2 for p in mlp[0].parameters())) or _has_list(mlp)
        if mixture:
            sites[Site.MLP].append(HookPoint(mlp[0]))
            sites[Site.MLP_POST].append("its MLP is a mixture of experts, which has no single last projection")
        else:
            sites[Site.MLP].append(projection)
            sites[Site.MLP_POST].append(
                projection if isinstance(projection, str) else HookPoint(projection.module, reads_input=True)
            )
    found = {site: _all_or_reason(hook_points) for site, hook_points in sites.items()}
    recurrent = recurrent_layers(model)
    if not recurrent:
        attends = found[Site.ATTENTION]
        why = attends if isinstance(attends, str) else "every block attends; take attention"
        return {**found, Site.MIXER: why}
    which = ", ".join(map(str, recurrent[:4])) + (" …" if len(recurrent) > 4 else "")
    return {
        **found,
        Site.MIXER: found[Site.ATTENTION],
        Site.ATTENTION: f"block {which} is recurrent; take mixer",
        Site.HEAD: f"block {which} is recurrent and has no heads",
    }


def _children(block: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the children that attend, and the other ones that hold matrices."""
    attention, others = [], []
    for child in block.children():
        if "attention_mask" in inspect.signature(child.forward).parameters:
            attention.append(child)
        elif any(p.ndim >= 2 for p in child.parameters()):
            others.append(child)
    return attention, others


def _last_projection(modules: list[nn.Module], calls: Mapping[nn.Module, int], what: str) -> HookPoint | str:
    """Return the projection inside these modules that was called last of all."""
    inside = [leaf for module in modules for leaf in module.modules() if leaf in calls]
    if not inside:
        return f"no {what} with a last projection was found in a block"
    return HookPoint(max(inside, key=lambda leaf: calls[leaf]))


def _is_projection(module: nn.Module) -> bool:
    own = [p for p in module.parameters(recurse=False) if p.ndim == 2]
    return bool(own) and not any(True for _ in module.children())


def _has_list(modules: list[nn.Module]) -> bool:
    return any(isinstance(inner, nn.ModuleList) for module in modules for inner in module.modules())


def _all_or_reason(hook_points: list[HookPoint | str]) -> tuple[HookPoint, ...] | str:
    reason = next((found for found in hook_points if isinstance(found, str)), None)
    return reason if reason is not None else tuple(found for found in hook_points if isinstance(found, HookPoint))


def layer_numbers(name: str, n_layers: int, layers: Sequence[int] | None) -> tuple[int, ...]:
    """Return which layers are meant, those named from the end counted from the start; by default all.

    Raises:
        UsageError: there is no such layer.
    """
    wanted = range(n_layers) if layers is None else layers
    for layer in wanted:
        if not -n_layers <= layer < n_layers:
            raise UsageError(f"there is no layer {layer}: {name} has {n_layers}, from 0 to {n_layers - 1}")
    return tuple(layer % n_layers for layer in wanted)
