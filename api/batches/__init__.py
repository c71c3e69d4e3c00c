"""Batches: one request for many jobs, fed into the queue as there is room."""
