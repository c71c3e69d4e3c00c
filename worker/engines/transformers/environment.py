"""What the libraries read from the environment when they are first imported."""

import os

#: How long a thread of OpenMP that waits for the others stays awake, in turns of its loop:
#: about 0.02 ms and 0.2 ms.
SHARED_MACHINE, OWN_MACHINE = "1000", "10000"


def prepare_environment() -> None:
    """Set it for this process; what an operator has set stands.

    OpenMP's threads would spin where they wait for each other: with other busy processes on the
    same two cores a step took 30 times as long. bitsandbytes looks for kernels on the hub.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", SHARED_MACHINE)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def own_the_machine() -> None:
    """Let processes started from now on wait awake for as long as a step's next product takes.

    Nothing wakes a thread faster: a step of BF16 on two idle cores takes 22 ms. Beside a busy
    process it takes 120 ms, where the other makes it 45.
    """
    os.environ["GOMP_SPINCOUNT"] = OWN_MACHINE
