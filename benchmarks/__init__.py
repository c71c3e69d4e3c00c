"""Measurements and chaos, on real processes."""
