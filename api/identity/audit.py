"""The log of who came in and who changed what: one line an event, never a secret."""

import structlog

log = structlog.get_logger("audit")


def audit(action: str, user: str, **about: str | int | bool | None) -> None:
    """Write that ``user`` did ``action``; ``about`` names what it was done to."""
    log.info("audit", action=action, user=user, **about)
