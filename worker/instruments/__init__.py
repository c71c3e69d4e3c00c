"""What workers measure, a noun a file; docs/metrics.md has every name.

Intervals inside a process are taken from its monotonic clock; queue wait crosses processes
and comes from the server's clock in the record.
"""
