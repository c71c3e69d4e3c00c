"""Who asks: the key or token of the environment, or what ``caravan login`` stored."""

from threading import Lock

import httpx

from cli.client.problems import fault_of
from cli.credentials import Credentials, Login
from cli.faults import NotAllowed

_LOG_IN = "Log in with `caravan login`, or set CARAVAN_TOKEN or CARAVAN_API_KEY."


class Session:
    """Gives a bearer token that is good now, and renews it quietly.

    ``fixed`` is a token of the environment: there is nothing to renew it with.
    """

    def __init__(self, url: str, credentials: Credentials, fixed: str = "") -> None:
        self._url = url
        self._credentials = credentials
        self._fixed = fixed
        self._login = None if fixed else credentials.login(url)
        self._lock = Lock()

    def bearer(self, http: httpx.Client) -> str:
        """The token to send. Raises NotAllowed, and httpx.TransportError from a renewal."""
        if self._fixed:
            return self._fixed
        if self._login is None:
            raise NotAllowed(f"You are not logged in at {self._url}.", hint=_LOG_IN)
        if self._login.stale:
            self._renew(http)
        return self._login.bearer

    def refused(self, bearer: str) -> bool:
        """The gateway does not take this token any more; whether another try makes sense."""
        login = self._login
        if login is None or not login.refresh_token:
            return False
        with self._lock:
            if login.bearer == bearer and self._login is login:
                self._login = login.without_access()
        return True

    def _renew(self, http: httpx.Client) -> None:
        """Use the refresh token once, whichever of several commands comes first."""
        with self._lock, self._credentials.locked():
            stored = self._credentials.login(self._url)
            if stored and self._login and stored.access_token != self._login.access_token:
                self._login = stored  # another command was quicker
            if self._login is None or not self._login.stale:
                return
            body = {"refresh_token": self._login.refresh_token}
            answer = http.post("/auth/refresh", json=body)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise NotAllowed("Your session has ended.", hint=_LOG_IN, code="unauthorized")
            if answer.is_error:
                raise fault_of(answer)
            self._login = Login.from_answer(self._login.username, answer.json())
            self._credentials.remember(self._url, self._login)
