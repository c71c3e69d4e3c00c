"""One POST to a URL that a stranger wrote: resolve once, check every address, connect there."""

import contextlib
import ssl
import time
from collections.abc import Mapping, Sequence

import httpcore2

from common.addresses import Network
from common.webhook_url import EgressRules, UrlRefused, WebhookUrl, parse_webhook_url
from worker.webhooks.egress.answer import Answer, retry_after
from worker.webhooks.egress.deadline import Deadline
from worker.webhooks.egress.errors import BadAnswer, Refused, Unreachable, Unresolved
from worker.webhooks.egress.resolver import Resolve, resolve
from worker.webhooks.egress.wire import PinnedBackend, Spent

#: Bytes of an answer, head and body.
READ_LIMIT = 64 * 1024


class Egress:
    """Sends under the rules; holds no connection between requests, and may be shared by threads.

    It never follows a redirect and knows no proxy: there is no code here for either.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float,
        allow_networks: Sequence[Network] = (),
        https_only: bool = False,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._rules = EgressRules(tuple(allow_networks), https_only)
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()
        self._timeout_seconds = timeout_seconds

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status, within ``timeout_seconds`` as a whole.

        Raises SendError.
        """
        began = time.monotonic()
        deadline = Deadline(self._timeout_seconds)
        target, backend = self._aim(url, deadline)
        origin = httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port)
        connection = httpcore2.HTTPConnection(
            origin, ssl_context=self._tls, network_backend=backend
        )
        try:
            with connection:
                response, received = _exchange(connection, target, headers, body)
        except Spent:
            raise BadAnswer(f"The head of the answer is over {READ_LIMIT} bytes.") from None
        except httpcore2.ProtocolError as error:
            raise BadAnswer(f"The answer breaks HTTP: {error}".rstrip(".") + ".") from error
        except httpcore2.NetworkError as error:
            raise Unreachable(f"No answer came: {error or 'the connection broke'}.") from error
        wait = retry_after(response.headers)
        return Answer(response.status, time.monotonic() - began, received, wait)

    def _aim(self, url: str, deadline: Deadline) -> tuple[WebhookUrl, PinnedBackend]:
        """Where to, and connections that go nowhere else. Raises Refused, Unresolved, TimedOut."""
        try:
            target = parse_webhook_url(url)
            self._rules.check_url(target)
            if target.address is not None:
                addresses = [target.address]
            else:
                addresses = list(self._resolve(target.host, deadline.left()))
            if not addresses:
                raise Unresolved(f"The name {target.host} has no address.")
            self._rules.check_addresses(target, addresses)
        except UrlRefused as error:
            raise Refused(f"The URL {error}.") from error
        return target, PinnedBackend(addresses, deadline, READ_LIMIT)


def _exchange(
    connection: httpcore2.HTTPConnection,
    target: WebhookUrl,
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[httpcore2.Response, bytes]:
    """The head of the answer, and of its body what fits the read limit."""
    url = httpcore2.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.target
    )
    sent = [("Host", target.authority), *headers.items()]
    received = bytearray()
    with connection.stream("POST", url, headers=sent, content=body) as response:
        with contextlib.suppress(Spent):
            for chunk in response.iter_stream():
                received += chunk
        return response, bytes(received)
