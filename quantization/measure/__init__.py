"""Measures an artifact in the engine that will serve it: speed, memory, and what quality it lost.

Each part runs in a process of its own (``child``), so that its memory is its own.
"""
