"""vLLM's own extraction of hidden states, in a process of its own: prints the seconds of the better round."""

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
    """Answer the prompts on standard input."""
    from vllm import LLM, SamplingParams
    from vllm.platforms import current_platform

    asked = json.load(sys.stdin)
    store = Path(asked["folder"]) / "states"
    transfer: dict[str, Any] = {
        "kv_connector": "ExampleHiddenStatesConnector",
        "kv_role": "kv_producer",
        "kv_connector_extra_config": {"shared_storage_path": str(store), "use_synchronization_lock": False},
    }
    if current_platform.is_cpu():  # vLLM's connector pins memory, which only an accelerator has
        transfer |= {"kv_connector": "ConnectorWithoutPinning", "kv_connector_module_path": "connector"}
    layers = list(range(1, asked["layers"] + 1))
    llm = LLM(
        model=asked["model"],
        dtype="float32",
        seed=0,
        max_model_len=max(map(len, asked["prompts"])) + asked["new_tokens"] + 1,
        skip_tokenizer_init=True,
        enforce_eager=True,
        enable_prefix_caching=True,
        speculative_config={
            "method": "extract_hidden_states",
            "num_speculative_tokens": 1,
            "draft_model_config": {"hf_config": {"eagle_aux_hidden_state_layer_ids": layers}},
        },
        kv_transfer_config=transfer,
    )
    params = SamplingParams(
        temperature=0,
        max_tokens=asked["new_tokens"],
        stop_token_ids=asked["stop_ids"],
        ignore_eos=True,
        logprobs=0,
        detokenize=False,
        extra_args={"kv_transfer_params": {"include_output_tokens": True}},
    )
    prompts = [{"prompt_token_ids": ids} for ids in asked["prompts"]]
    llm.generate(prompts[:4], params, use_tqdm=False)
    rounds = []
    for _ in range(asked["rounds"]):
        shutil.rmtree(store, ignore_errors=True)
        started = time.perf_counter()
        llm.generate(prompts, params, use_tqdm=False)
        rounds.append(time.perf_counter() - started)
    size = sum(file.stat().st_size for file in store.glob("*.safetensors"))
    sys.stderr.write(f"{size} bytes of states\n")
    sys.stdout.write(f"\n{min(rounds)}\n")


if __name__ == "__main__":
    main()
