"""Asks the gateway: authorized, with retries where a second try is safe."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Self

import httpx

from cli.client.problems import fault_of
from cli.client.session import Session
from cli.faults import Unreachable

#: Seconds before the second, third and fourth try at a request that may be repeated.
PAUSES = (0.2, 0.5, 1.0)
#: An answer may be held for a minute (``Prefer: wait``); silence beyond that is a dead peer.
TIMEOUT = httpx.Timeout(10.0, read=90.0)


class Gateway:
    """One gateway as one user sees it. May be shared by threads."""

    def __init__(self, url: str, session: Session, connections: int = 10) -> None:
        self.url = url
        self._session = session
        self._http = httpx.Client(
            base_url=url,
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=not is_loopback(httpx.URL(url).host),  # no proxy before one's own machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def bearer(self) -> str:
        """A token that is good now. Raises Fault."""
        try:
            return self._session.bearer(self._http)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error

    def get(self, path: str, **params: Any) -> Any:
        """The JSON of a resource. Raises Fault."""
        return self.call("GET", path, params=_given(params)).json()

    def submit(self, path: str, body: Mapping[str, Any], key: str, **headers: str) -> Any:
        """Make a job; ``key`` makes it the same job however often the network asks for it."""
        return self.call(
            "POST", path, json=body, headers={"Idempotency-Key": key, **headers}
        ).json()

    def delete(self, path: str) -> Any:
        """Cancel or erase, once however often the network asks; None where the answer is empty."""
        answer = self.call("DELETE", path, headers={"Idempotency-Key": uuid.uuid4().hex})
        return answer.json() if answer.content else None

    def public(self, method: str, path: str, **request: Any) -> httpx.Response:
        """What needs no login, whatever its status. Raises Unreachable."""
        try:
            return self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """An answer without an error status, asked for again while the network fails.

        Raises:
            Fault: it was refused, or nobody answers.
        """
        for pause in (*PAUSES, None):
            try:
                return self._authorized(method, path, request)
            except httpx.TransportError as error:
                if pause is None:
                    raise unreachable(self.url, error) from error
                time.sleep(pause)
        raise AssertionError

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """An open answer. Raises Fault, and httpx.TransportError while it is read."""
        bearer = self._session.bearer(self._http)
        authorized = {**headers, "Authorization": f"Bearer {bearer}"}
        with self._http.stream("GET", path, headers=authorized) as answer:
            if answer.is_error:
                answer.read()
                if answer.status_code == httpx.codes.UNAUTHORIZED and self._session.refused(bearer):
                    raise httpx.RemoteProtocolError("the token has run out")
                raise fault_of(answer)
            yield answer

    def _authorized(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        headers = request.get("headers", {})
        for second_try in (False, True):
            bearer = self._session.bearer(self._http)
            authorized = {**headers, "Authorization": f"Bearer {bearer}"}
            answer = self._http.request(method, path, **{**request, "headers": authorized})
            expired = answer.status_code == httpx.codes.UNAUTHORIZED
            if not expired or second_try or not self._session.refused(bearer):
                break
        if answer.is_error:
            raise fault_of(answer)
        return answer


def unreachable(url: str, error: Exception) -> Unreachable:
    """Nobody answers at this address."""
    local = is_loopback(httpx.URL(url).host)
    hint = "Is the gateway running? `make run` starts it." if local else "Is CARAVAN_URL right?"
    return Unreachable(f"{url} cannot be reached: {error or type(error).__name__}", hint=hint)


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
