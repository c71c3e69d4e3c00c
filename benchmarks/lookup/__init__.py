"""Prompt lookup, with and without."""
