"""Chaos: real processes killed, paused and cut off, while every accepted job is counted."""
