"""A real Valkey server of the tests' own; shared with the benchmarks."""

from benchmarks.valkey import ValkeyServer

__all__ = ["ValkeyServer"]
