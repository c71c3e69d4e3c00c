"""Any OpenAI-compatible server: the queue in front of what people already run."""
