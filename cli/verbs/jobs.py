"""``caravan jobs``: what you asked for."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.options import Json, PriorityName, StatusName, Url

if TYPE_CHECKING:
    from cli.client.gateway import Gateway

#: As many as the gateway gives at once.
PAGE = 100

KindName = Literal["generate", "explain"]


def jobs(
    status: Annotated[StatusName | None, typer.Option(help="Only those.")] = None,
    priority: Annotated[
        PriorityName | None, typer.Option("--priority", "-p", help="Only those.")
    ] = None,
    kind: Annotated[KindName | None, typer.Option(help="Only those.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, help="So many at most.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Those before this job.")] = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """List your jobs, newest first."""
    from cli.client.connect import connect
    from cli.screen.jobs import jobs_table
    from cli.screen.screen import Screen, on_screen

    def work(screen: Screen) -> int:
        filters = {"status": status, "priority": priority, "kind": kind}
        with connect(url) as gateway:
            page = _pages(gateway, limit, after, filters)
        if screen.as_json:
            screen.json(page)
        elif page["data"]:
            screen.print(jobs_table(page["data"], screen.out.width))
        else:
            screen.tell("No jobs.")
        if page["has_more"]:
            screen.tell(f"There are more: --after {page['last_id']}, or a higher --limit.")
        return 0

    raise typer.Exit(on_screen(work, as_json=as_json))


def _pages(gateway: "Gateway", limit: int, after: str | None, filters: Any) -> dict[str, Any]:
    """One list of up to ``limit`` jobs, over as many pages as that takes."""
    found: list[Any] = []
    while True:
        size = min(PAGE, limit - len(found))
        page: dict[str, Any] = gateway.get("/jobs", limit=size, after=after, **filters)
        found += page["data"]
        after = page["last_id"]
        if not page["has_more"] or len(found) >= limit:
            break
    first = found[0]["id"] if found else None
    return {**page, "data": found, "first_id": first}
