"""Arrivals over an hour, and an outage of Redis."""

from benchmarks.scaling.play import Trace

SECONDS = 3600


def burst(second: int) -> tuple[float, bool]:
    """300 jobs in a minute, then nothing."""
    return (5.0 if 60 <= second < 120 else 0.0), True  # noqa: PLR2004


def ramp(second: int) -> tuple[float, bool]:
    """From nothing to three jobs a second in 20 minutes, and back."""
    return max(0.0, 3.0 * (1 - abs(second - 1200) / 1200)), True


def steady(second: int) -> tuple[float, bool]:
    """Every slot of four pods busy, and hardly a job waiting."""
    return (2.0 if second < 3000 else 0.0), True  # noqa: PLR2004


def idle(_: int) -> tuple[float, bool]:
    """Nothing at all."""
    return 0.0, True


def outage(second: int) -> tuple[float, bool]:
    """Steady work, while KEDA cannot read Redis for ten minutes."""
    return (2.0 if second < 3000 else 0.0), not 900 <= second < 1500  # noqa: PLR2004


def gusts(second: int) -> tuple[float, bool]:
    """30 jobs at once, every two minutes: short ones are gone before a new pod has started."""
    return (30.0 if second % 120 == 14 else 0.0), True  # noqa: PLR2004


TRACES: dict[str, Trace] = {
    "burst": burst,
    "ramp": ramp,
    "steady": steady,
    "idle": idle,
    "outage": outage,
    "gusts": gusts,
}
