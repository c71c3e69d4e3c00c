"""From a name to its addresses, by the resolver of the machine."""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import ip_address
from threading import Thread

from common.addresses import Address
from worker.webhooks.egress.errors import TimedOut, Unresolved

#: A name and the seconds allowed; raises Unresolved, TimedOut.
Resolve = Callable[[str, float], Sequence[Address]]


def resolve(host: str, seconds: float) -> list[Address]:
    """All addresses of ``host``, the preferred one first. Raises Unresolved, TimedOut.

    The C library cannot be interrupted: a thread asks it, and is left behind when it is late.
    """
    answer: Future[list[Address]] = Future()
    Thread(target=_ask, args=(host, answer), name="resolve", daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise TimedOut(f"The name {host} was not resolved in time.") from None


def _ask(host: str, answer: "Future[list[Address]]") -> None:
    # In bytes: text would go through Python's IDNA first.
    try:
        found = socket.getaddrinfo(host.encode(), None, type=socket.SOCK_STREAM)
        answer.set_result([ip_address(sockaddr[0]) for *_, sockaddr in found])
    except socket.gaierror:
        answer.set_exception(Unresolved(f"The name {host} has no address."))
    except Exception as error:  # noqa: BLE001 - the waiting thread raises it
        answer.set_exception(error)
