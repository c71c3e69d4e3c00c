"""A request for a job, sent until it is accepted or refused for good."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.client.gateway import Gateway
from cli.faults import Misused, Refused


@dataclass(frozen=True, slots=True)
class Submission:
    """What to ask for, where, and under which Idempotency-Key."""

    path: str
    body: Mapping[str, Any]
    key: str
    retry_seconds: float = 0.0

    def send(self, gateway: Gateway, tell: Callable[[str], None]) -> Any:
        """The accepted job; waits as long as Retry-After says while limits refuse it.

        Raises:
            Fault: it was refused, and would be refused again within ``retry_seconds``.
        """
        deadline = time.monotonic() + self.retry_seconds
        while True:
            try:
                return gateway.submit(self.path, self.body, self.key)
            except Refused as refusal:
                pause = refusal.retry_after_seconds
                if pause is None or time.monotonic() + pause > deadline:
                    raise
                tell(f"{refusal.message} Trying again in {pause:g} s ...")
                time.sleep(pause)


def new_key() -> str:
    """An Idempotency-Key that nobody else has."""
    return f"caravan-{uuid.uuid4()}"


def body_of(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """``KEY=VALUE`` arguments. Raises Misused."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Misused(f"{option} {text}: it is written KEY=VALUE.")
        found[name] = value
    return found
