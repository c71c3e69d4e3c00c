"""A receiver of webhooks on this machine; shared with the benchmarks."""

from benchmarks.sink import OK, Receipt, Reply, Sink

__all__ = ["OK", "Receipt", "Reply", "Sink"]
