"""vLLM's connector for hidden states without its pinned memory, so that it runs on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from vllm.distributed.kv_transfer.kv_connector.v1 import example_hidden_states_connector as example


class ConnectorWithoutPinning(example.ExampleHiddenStatesConnector):  # type: ignore[misc]  # vLLM has no types
    """Writes each finished request's states at once."""

    def get_finished(self, finished_req_ids: set[str]) -> tuple[set[str] | None, set[str] | None]:
        """Write what has finished."""
        del finished_req_ids
        pending = self._get_connector_metadata().pending_saves if self.has_connector_metadata() else []
        for save in pending:
            self._write(save)
        return {save.req_id for save in pending} or None, None

    def _write(self, save: Any) -> None:
        offsets = torch.arange(self._block_size)
        slots = (torch.tensor(save.block_ids)[:, None] * self._block_size + offsets).flatten()
        states = example.extract_from_kv_cache(self._kv_cache, slots, len(save.token_ids))
        Path(save.filename).parent.mkdir(parents=True, exist_ok=True)
        save_file({"hidden_states": states.contiguous(), "token_ids": save.token_ids.clone()}, save.filename)
