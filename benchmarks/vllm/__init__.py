"""What it costs to have hidden states from vLLM: `python -m benchmarks.vllm`, where vLLM is installed."""
