"""Waiting for a condition, never for a while; shared with the benchmarks."""

from benchmarks.waiting import wait_until

__all__ = ["wait_until"]
