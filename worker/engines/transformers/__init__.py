"""LlamaForCausalLM from safetensors, quantized as it loads; importing this imports no torch."""

from worker.engines.transformers.environment import prepare_environment

prepare_environment()
