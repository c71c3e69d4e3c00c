"""What may be reloaded, and by whom; that it is done is shown in tests/faults."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.answers import ReloadBody
from common import keys
from tests.support.gateway import Gateway


@pytest.fixture
def admin(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("admin") as client:
        yield client


def test_nobody_else_may(client: httpx.Client) -> None:
    assert client.post("/admin/reload", json={}).status_code == 403
    assert client.get("/admin/reload").status_code == 403


def test_a_reload_is_remembered_with_what_it_named(admin: httpx.Client) -> None:
    assert admin.get("/admin/reload").status_code == 404
    given = admin.post("/admin/reload", json={"quantization": "int8"})
    progress = admin.get(given.headers["Location"]).json()
    ReloadBody.model_validate(progress, extra="forbid")
    assert (progress["id"], progress["quantization"]) == (given.json()["id"], "int8")
    assert (progress["workers"], progress["done"], progress["failed"]) == ([], True, False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quantisation": "int8"}, "quantisation"),
        ({"engine": "magic"}, "engine"),
        ({"engine": "openai"}, "engine"),
        ({"engine": "llamacpp", "model": "missing"}, "model"),
        ({"engine": "llamacpp", "model": "~nobody/x"}, "model"),
        ({"model": "a\0b"}, "model"),
        ({"workers": ["nobody"]}, "workers"),
    ],
)
def test_a_reload_that_nobody_could_obey_is_refused(
    admin: httpx.Client, body: dict[str, Any], field: str
) -> None:
    refused = admin.post("/admin/reload", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["param"].startswith(field)


def test_a_worker_that_only_sends_webhooks_is_not_waited_for(
    admin: httpx.Client, gateway: Gateway
) -> None:
    beat_ms = int(gateway.redis.time()[0]) * 1000
    gateway.redis.zadd(keys.WORKERS, {"sender": beat_ms})
    gateway.redis.hset(keys.worker("sender"), mapping={"kind": "webhooks", "state": "ready"})
    admin.post("/admin/reload", json={})
    progress = admin.get("/admin/reload").json()
    assert (progress["workers"], progress["done"]) == ([], True)
    assert admin.post("/admin/reload", json={"workers": ["sender"]}).status_code == 422
