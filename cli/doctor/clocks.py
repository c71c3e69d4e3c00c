"""Whether the clocks agree: tokens, deadlines and signatures are judged by them."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from cli.doctor.finding import Finding, fail, ok, warn
from cli.doctor.scene import Scene

WARN_SECONDS = 2.0
#: Receivers of webhooks refuse what is five minutes old.
FAIL_SECONDS = 60.0
_FIX = "let NTP set it: timedatectl set-ntp true, or chronyd"


def store_clock(scene: Scene) -> Iterator[Finding]:
    """Of the store, which times every lease, against this machine's."""
    start = time.monotonic()
    seconds, micros = scene.store.time()
    half = (time.monotonic() - start) / 2
    yield _judged("clock of redis", abs(scene.clock() - half - seconds - micros / 1e6))


def gateway_clock(scene: Scene) -> Iterator[Finding]:
    """Of the gateway, which signs tokens, against this machine's; its header has whole seconds."""
    answer = scene.get("/livez")
    if answer is not None and "date" in answer.headers:
        there = parsedate_to_datetime(answer.headers["date"]).timestamp() + 0.5
        yield _judged("clock of gateway", max(0.0, abs(scene.clock() - there) - 1.0))


def _judged(name: str, skew: float) -> Finding:
    if skew > FAIL_SECONDS:
        return fail(name, f"Differs from this machine's by {skew:.0f} s.", _FIX)
    if skew > WARN_SECONDS:
        return warn(name, f"Differs from this machine's by {skew:.1f} s.", _FIX)
    return ok(name, f"Within {max(skew, 0.001):.3f} s of this machine's.")
