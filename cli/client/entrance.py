"""Logging in and out of a gateway."""

import httpx

from cli.client.gateway import Gateway, is_loopback
from cli.client.problems import fault_of
from cli.client.session import Session
from cli.credentials import Credentials, Login
from cli.faults import Fault, Misused, NotAllowed

#: What every API key begins with.
KEY_PREFIX = "cvn_"


class Entrance:
    """One gateway, and where its logins are kept."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url
        self._credentials = credentials

    def with_password(self, username: str, password: str) -> Login:
        """Open a session and keep it. Raises Fault."""
        with Gateway(self._url, Session(self._url, self._credentials)) as gateway:
            body = {"username": username, "password": password}
            answer = gateway.public("POST", "/auth/login", json=body)
        if answer.is_error:
            raise fault_of(answer)
        return self._keep(Login.from_answer(username, answer.json()))

    def with_key(self, key: str) -> Login:
        """Keep an API key that the gateway knows. Raises Fault."""
        if not key.startswith(KEY_PREFIX):
            raise Misused(f"An API key begins with {KEY_PREFIX}.")
        with Gateway(self._url, Session(self._url, self._credentials, fixed=key)) as gateway:
            try:
                gateway.get("/jobs", limit=1)
            except NotAllowed as fault:
                if fault.code == "unauthorized":
                    raise NotAllowed(
                        "The gateway does not know this key.", code=fault.code
                    ) from None
        return self._keep(Login(api_key=key))

    def leave(self, *, everywhere: bool) -> None:
        """End the session at the gateway and forget it, even if the gateway does not answer."""
        login = self._credentials.login(self._url)
        try:
            if login and login.refresh_token:
                with Gateway(self._url, Session(self._url, self._credentials)) as gateway:
                    gateway.call("POST", "/auth/logout", json={"everywhere": everywhere})
        except NotAllowed:
            pass  # it had ended
        except Fault:
            if everywhere:
                raise
        with self._credentials.locked():
            self._credentials.forget(self._url)

    def _keep(self, login: Login) -> Login:
        with self._credentials.locked():
            self._credentials.remember(self._url, login)
        return login


def sends_in_clear(url: str) -> bool:
    """Whether what is sent there leaves this machine unencrypted."""
    parsed = httpx.URL(url)
    return parsed.scheme == "http" and not is_loopback(parsed.host)
