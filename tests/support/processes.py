"""Real child processes; shared with the benchmarks."""

from benchmarks.processes import Process

__all__ = ["Process"]
