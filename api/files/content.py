"""The content of a file as an answer: whole, or the one range that was asked for."""

import re

from starlette.responses import StreamingResponse

from api.files.files import File, Files
from api.files.problems import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def span(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last; None for all, as for several ranges (RFC 9110).

    Raises RangeNotSatisfiable.
    """
    found = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if not found or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
    if start >= stop:
        raise RangeNotSatisfiable(
            f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, stop


def content_response(files: Files, file: File, range_header: str | None) -> StreamingResponse:
    """The bytes that are asked for, streamed. Raises RangeNotSatisfiable."""
    part = span(range_header, file.bytes)
    start, stop = part or (0, file.bytes)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(stop - start),
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.bytes}"
    return StreamingResponse(
        files.read(file, start, stop),
        206 if part else 200,
        headers,
        media_type="application/octet-stream",
    )
