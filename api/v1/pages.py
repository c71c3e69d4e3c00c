"""A list that is at hand as one page of it."""

from typing import Any

from api.v1.problems import InvalidParameter


def page_of(items: list[dict[str, Any]], after: str | None, limit: int) -> dict[str, Any]:
    """Up to ``limit`` items after the one with that id. Raises InvalidParameter."""
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise InvalidParameter.about("after", "an id of this list", after, "is not in this list")
    start = 0 if after is None else ids.index(after) + 1
    page = items[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(items),
    }
