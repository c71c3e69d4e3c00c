"""Trains the prompt guard's classifier and measures the whole guard: `make guard`."""
