"""Server-sent events, as the gateway's streams speak them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its name, its data, and the id to resume after."""

    name: str
    data: str
    id: str | None


def split_lines(pieces: Iterable[str]) -> Iterator[str]:
    """Lines of a text that comes in pieces; only a line feed ends one.

    (str.splitlines, which HTTP clients use, would also cut at U+2028 inside the data.)
    """
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + piece).split("\n")
        for line in lines:
            yield line.removesuffix("\r")


def parse_events(lines: Iterable[str]) -> Iterator[ServerSentEvent]:
    """Group the lines of a stream into events; comments are passed over.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """
    name, data, last_id = "message", list[str](), None
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value
        elif not line:
            if data:
                yield ServerSentEvent(name, "\n".join(data), last_id)
            name, data = "message", []
