"""Whether a gateway says that it is alive."""

import asyncio
from pathlib import Path

import httpx

from api.app import create_app
from api.settings import ApiSettings


async def _nothing() -> None:
    """Ends at once."""


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _ask(directory: Path, *, one_has_ended: bool) -> httpx.Response:
    """/livez of a gateway with two tasks on the side."""
    app = create_app(ApiSettings(state_dir=directory))
    endless = asyncio.create_task(_for_ever(), name="batches")
    other = asyncio.create_task(_nothing() if one_has_ended else _for_ever(), name="events")
    app.state.tasks = [endless, other]
    await asyncio.sleep(0)
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.get("/livez")
    finally:
        endless.cancel()
        other.cancel()


def test_a_gateway_whose_tasks_go_on_is_alive(tmp_path: Path) -> None:
    answer = asyncio.run(_ask(tmp_path, one_has_ended=False))

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_a_gateway_that_no_longer_hears_of_events_is_dead(tmp_path: Path) -> None:
    answer = asyncio.run(_ask(tmp_path, one_has_ended=True))

    assert answer.status_code == 503
    assert answer.json() == {"status": "dead", "detail": "ended: events"}
