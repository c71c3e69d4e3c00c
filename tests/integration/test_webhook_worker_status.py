"""A webhook worker is seen, and is not taken for one that runs jobs."""

import httpx

from common import keys
from tests.support.desk import Desk
from tests.support.gateway import Gateway


def beat(gateway: Gateway, worker_id: str, kind: str) -> None:
    fields = ("kind", kind, "state", "ready", "slots", 0, "busy", 2, "metrics_port", 9091)
    Desk(gateway.redis).scripts("beat", worker_id, 0, 60, 0, *fields)


def test_it_is_listed_and_makes_nobody_ready(gateway: Gateway, client: httpx.Client) -> None:
    # Given a webhook worker, and no other
    beat(gateway, "w1", "webhooks")
    assert gateway.redis.zcard(keys.WORKERS) == 1
    # Then it is listed
    (worker,) = client.get("/status").json()["workers"]
    assert (worker["kind"], worker["state"], worker["busy"]) == ("webhooks", "ready", 2)
    # And nothing can run a job
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["workers"]["detail"] == "0 of 0 workers ready."
    assert ready.json()["checks"]["model"]["detail"] == "No worker is running."
