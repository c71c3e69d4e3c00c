"""Who may read /metrics where it is not for everybody."""

import secrets

from fastapi import Request

from api.deps import Credentials, StateDep
from api.identity.roles import Scope
from api.problems import Unauthorized


async def scraper(request: Request, state: StateDep, credentials: Credentials) -> None:
    """Let in METRICS_TOKEN, and who has the scope ``metrics``. Raises Unauthorized, Forbidden.

    The token works while Redis is away: numbers are wanted then more than ever.
    """
    settings = state.settings
    if settings.shows_metrics:
        return
    if credentials is None:
        raise Unauthorized("Send METRICS_TOKEN, or a token with the scope metrics, as a Bearer.")
    given, token = credentials.credentials, settings.metrics_token
    if token and secrets.compare_digest(given.encode(), token.get_secret_value().encode()):
        return
    request.state.principal = who = await state.bearers.read(given)
    who.require(Scope.METRICS)
