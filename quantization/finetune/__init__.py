"""Teaches a Llama to explain: LoRA on rows of context and explanation, then merge."""
