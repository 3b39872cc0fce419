"""Plain vLLM, or its own extraction of hidden states, in a process of its own: a round for each line that comes in."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

os.environ |= {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": os.environ.get("VLLM_CPU_KVCACHE_SPACE", "2"),
}


def main() -> None:
    """Answer the prompts of the first line each time that another line comes, and print the seconds it took."""
    from vllm import LLM, SamplingParams

    asked = json.loads(sys.stdin.readline())
    store = Path(asked["folder"]) / "states"
    llm = LLM(
        model=asked["model"],
        dtype="float32",
        seed=0,
        max_model_len=max(map(len, asked["prompts"])) + asked["new_tokens"] + 1,
        skip_tokenizer_init=True,
        enforce_eager=True,
        enable_prefix_caching=True,
        **(_extraction(list(range(1, asked["layers"] + 1)), store) if asked["layers"] else {}),
    )
    params = SamplingParams(
        temperature=0,
        max_tokens=asked["new_tokens"],
        stop_token_ids=asked["stop_ids"],
        ignore_eos=True,
        detokenize=False,
        extra_args={"kv_transfer_params": {"include_output_tokens": True}} if asked["layers"] else None,
    )
    prompts = [{"prompt_token_ids": ids} for ids in asked["prompts"]]
    llm.generate(prompts[:4], params, use_tqdm=False)
    _tell("ready")
    for _ in sys.stdin:
        shutil.rmtree(store, ignore_errors=True)
        started, before = time.perf_counter(), time.process_time()
        llm.generate(prompts, params, use_tqdm=False)
        _tell(f"{time.perf_counter() - started} {time.process_time() - before}")


def _extraction(layers: list[int], store: Path) -> dict[str, Any]:
    """Return what lets vLLM write the states of layers to files."""
    from vllm.platforms import current_platform

    transfer: dict[str, Any] = {
        "kv_connector": "ExampleHiddenStatesConnector",
        "kv_role": "kv_producer",
        "kv_connector_extra_config": {"shared_storage_path": str(store), "use_synchronization_lock": False},
    }
    if current_platform.is_cpu():  # vLLM's connector pins memory, which only an accelerator has
        transfer |= {"kv_connector": "ConnectorWithoutPinning", "kv_connector_module_path": "connector"}
    return {
        "speculative_config": {
            "method": "extract_hidden_states",
            "num_speculative_tokens": 1,
            "draft_model_config": {"hf_config": {"eagle_aux_hidden_state_layer_ids": layers}},
        },
        "kv_transfer_config": transfer,
    }


def _tell(what: object) -> None:
    sys.stdout.write(f"\n= {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
