"""Requests that want an answer only if it is news."""

from typing import Annotated

from fastapi import Header

IfNoneMatch = Annotated[str | None, Header(description="The ETag you have")]


def matches(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110's weak comparison."""
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in given or etag.removeprefix("W/") in given
