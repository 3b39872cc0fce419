"""Whether vLLM's states are the model's own: tried on a few tokens, each time that vLLM starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from truthmap.errors import ModelError
from truthmap.lm.model import LanguageModel
from truthmap.lm.rounding import relative_difference, tolerance_of
from truthmap.records import Site

if TYPE_CHECKING:
    from truthmap.answers.engines.vllm_engine import VllmEngine

_TEXT = "Which of these rivers is the longest one, and through how many countries does it flow?"


@dataclass(frozen=True)
class StateProbe:
    """A short prompt and its states, as transformers has them.

    Attributes:
        ids: The prompt.
        states: For each site (L, T, d).
        tolerance: The relative difference of a state that rounding explains.
    """

    ids: tuple[int, ...]
    states: Mapping[Site, torch.Tensor]
    tolerance: float

    @classmethod
    def of(cls, lm: LanguageModel, sites: tuple[Site, ...], longest: int) -> StateProbe:
        """Read a short prompt, of at most `longest` tokens, with the model."""
        ids = lm.prompt_ids(_TEXT)[:longest]
        states = lm.states(ids, sites=sites)
        assert isinstance(states, dict)
        return cls(ids, states, tolerance_of(lm, ids))

    def fault_of(self, engine: VllmEngine) -> str | None:
        """Return in what the states of vLLM differ by more than rounding, if in anything.

        Raises:
            ModelError: vLLM has ended.
        """
        ranges = np.array([[[n, n + 1] for n in range(len(self.ids))]], dtype=np.int32)
        try:
            found = engine.read([self.ids], [[(0, len(self.ids))]]).pick(ranges, [0])
        except ModelError as error:
            if engine.ended:
                raise
            return str(error)
        return self.difference({site: states[:, :, 0] for site, states in found.items()})

    def difference(self, found: Mapping[Site, torch.Tensor]) -> str | None:
        """Return in what states, for each site (L, T, d), differ by more than rounding, if in anything."""
        for site, wanted in self.states.items():
            if site not in found:
                return f"site {site} is not there"
            own = found[site]
            if own.shape != wanted.shape:
                return f"site {site} is {tuple(own.shape)}, expected {tuple(wanted.shape)}"
            difference = relative_difference(own, wanted)
            if difference > self.tolerance:
                return f"site {site} differs by {difference:.1g}, rounding explains {self.tolerance:g}"
        return None
