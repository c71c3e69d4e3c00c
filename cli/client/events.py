"""The events of a job, through lost connections and restarted gateways."""

import time
from collections.abc import Callable, Iterator

import httpx

from cli.client.gateway import Gateway, unreachable
from cli.faults import Refused
from cli.sse import ServerSentEvent, parse_events, split_lines

#: Seconds of trying again after which a stream is given up; the job goes on.
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.5
#: A stream that lived so long was a good one: patience begins anew after it.
GOOD_SECONDS = 5.0

#: Told why the stream was lost, before it is opened again.
Tell = Callable[[str], None]


class JobEvents:
    """Every event of a job once, up to ``done``; a lost stream goes on after the last one."""

    def __init__(
        self, gateway: Gateway, path: str, tell: Tell, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._gateway = gateway
        self._path = path
        self._tell = tell
        self._patience_seconds = patience_seconds
        self._last_id = ""
        self._opened = 0.0
        self._lost_since: float | None = None

    def __iter__(self) -> Iterator[ServerSentEvent]:
        """Raises Fault: the job is not to be seen, or nobody answers any more."""
        while True:
            try:
                for event in self._stream():
                    yield event
                    if event.name == "done":
                        return
                self._wait(httpx.RemoteProtocolError("the stream ended early"))
            except httpx.TransportError as error:
                self._wait(error)
            except Refused as refusal:  # a gateway without its store, for a while
                if not self._last_id:
                    raise
                self._wait(refusal)

    def _stream(self) -> Iterator[ServerSentEvent]:
        after = {"Last-Event-ID": self._last_id} if self._last_id else {}
        with self._gateway.stream(self._path, after) as answer:
            self._opened = time.monotonic()
            for event in parse_events(split_lines(answer.iter_text())):
                self._lost_since = None
                self._last_id = event.id or self._last_id
                yield event

    def _wait(self, error: Exception) -> None:
        """Before another try. Raises Unreachable once patience is over."""
        now = time.monotonic()
        good = self._opened > (self._lost_since or 0) and now - self._opened > GOOD_SECONDS
        if self._lost_since is None or good:
            self._lost_since = now
            self._tell(f"connection lost ({str(error) or type(error).__name__}); reconnecting ...")
        if now - self._lost_since > self._patience_seconds:
            raise unreachable(self._gateway.url, error)
        time.sleep(PAUSE_SECONDS)
