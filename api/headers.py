"""Headers that every answer has, whatever made it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: For everything that is no page.
NOTHING = "default-src 'none'; frame-ancestors 'none'"
#: For pages: only what this gateway serves, nothing inline, nobody's frame.
OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_NO_STORE = (b"cache-control", b"no-store")
_POLICY = b"content-security-policy"

#: Whether it came over TLS, is a page, is somebody's own -> what is added.
_ADDED = {
    (tls, page, own): (
        *_ALWAYS,
        (_POLICY, (OWN_FILES if page else NOTHING).encode()),
        *([_HSTS] if tls else []),
        *([_NO_STORE] if own else []),
    )
    for tls in (False, True)
    for page in (False, True)
    for own in (False, True)
}
_NAMES = frozenset(name for name, _ in _ADDED[True, True, True])


class SecurityHeaders:
    """ASGI middleware: nosniff, no frames, a strict CSP, HSTS under TLS, nothing private kept.

    A route that set a policy or a ``Cache-Control`` of its own keeps it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = any(name == b"authorization" for name, _ in scope["headers"])
                _complete(message, tls=scope["scheme"] == "https", own=own)
            await send(message)

        await self._app(scope, receive, send_guarded)


def _complete(message: Message, *, tls: bool, own: bool) -> None:
    """Add what the answer does not say itself."""
    given = dict(message["headers"])
    page = given.get(b"content-type", b"").startswith(b"text/html")
    added = _ADDED[tls, page, own]
    if not _NAMES.isdisjoint(given):
        added = tuple((name, value) for name, value in added if name not in given)
    message["headers"] = [*message["headers"], *added]
