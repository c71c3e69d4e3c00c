"""Keeps the process small and its pauses short: glibc would keep what large, short-lived blocks took.

Reading a tokenizer takes 15 MB for a moment, and a password hash 19 MiB. Elsewhere than on
glibc nothing is done.
"""

import ctypes
import gc

#: mallopt(3): blocks from this size on go back to the system when they are freed. Without a
#: fixed size glibc raises it to that of the largest block it has seen freed.
M_MMAP_THRESHOLD, THRESHOLD_BYTES = -3, 128 * 1024


def return_large_blocks() -> None:
    """From now on, give large blocks back as soon as they are freed."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES)


def trim() -> None:
    """Give back what is free now."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def keep() -> None:
    """What is there now is there to stay: the collector passes it by, and stops nobody for it."""
    gc.collect()
    gc.freeze()
