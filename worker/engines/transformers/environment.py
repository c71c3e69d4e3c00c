"""What the libraries read from the environment when they are first imported."""

import os


def prepare_environment() -> None:
    """Set it for this process; what an operator has set stands.

    OpenMP's threads spin where they wait for each other: with other busy processes on the
    same two cores a step took 30 times as long. bitsandbytes looks for kernels on the hub.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
