"""What the libraries read from the environment when they are first imported."""

import os


def prepare_environment() -> None:
    """Set it for this process; what an operator has set stands.

    A thread of OpenMP that waits for the others spins for about 0.1 ms and then sleeps. If it
    slept at once, waking it would take longer than most of its work (a step of BF16 on two cores:
    29 ms instead of 21); if it spun on, a step beside busy processes would take 30 times as long.
    bitsandbytes looks for kernels on the hub.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
