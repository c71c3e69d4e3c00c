"""The log of who came in and who changed what: one line an event, never a secret."""

import re

import structlog

log = structlog.get_logger("audit")

#: What a user may be called; what else was typed there may be a password.
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


def audit(action: str, user: str, **about: str | int | bool | None) -> None:
    """Write that ``user`` did ``action``; ``about`` names what it was done to.

    From where, and in which request, the context says: ``client`` and ``request_id``.
    """
    name = user if _NAME.fullmatch(user) else "(no user name)"
    log.info("audit", action=action, user=name, **about)
