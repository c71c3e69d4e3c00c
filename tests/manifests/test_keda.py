"""KEDA's objects name what is there: queues, metrics, workloads, a user that may count."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from common import keys
from common.queues import WEBHOOK_QUEUE, Priority
from tests.manifests.conftest import OVERLAYS, ROOT, mixed, rendered
from tests.manifests.objects import named, of_kind
from tests.manifests.secrets import secrets
from tests.support.store_users import StoreUsers, address
from tests.support.valkey import ValkeyServer

LATENCY = ROOT / "keda" / "latency" / "scaledobject.yaml"
GPU = "k8s/components/gpu"
#: Waiting jobs as keda/latency counts them, and what the gpu component adds.
BY_WAIT = "(urgent + high + normal + low) * ((eta ?? 1000000) > 30 ? 1 - 30 / (eta ?? 1000000) : 0)"
IF_BUSY = "((gpu ?? 0) > 90 ? 3 : 0)"
#: What KEDA's redis scaler runs (pkg/scalers/redis_scaler.go).
COUNT = """
local kind = redis.call('type', KEYS[1]).ok
local command = {zset='zcard', set='scard', list='llen', hash='hlen', none='llen'}
return redis.call(command[kind], KEYS[1])
"""


def scaled_object(overlay: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = named(rendered(overlay), "ScaledObject", name)["spec"]
    return spec


def redis_lists(spec: dict[str, Any]) -> dict[str, str]:
    return {
        trigger["name"]: trigger["metadata"]["listName"]
        for trigger in spec["triggers"]
        if trigger["type"] == "redis"
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_scale_on_all_that_waits_or_runs(overlay: str) -> None:
    lists = redis_lists(scaled_object(overlay, "inference"))

    assert set(lists.values()) == {
        *(priority.waiting for priority in Priority),
        keys.LEASES,
        keys.BATCH_BACKLOG,
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_formula_names_every_trigger_and_no_other(overlay: str) -> None:
    spec = scaled_object(overlay, "inference")
    formula = spec["advanced"]["scalingModifiers"]["formula"]

    assert set(re.findall(r"[a-z]+", formula)) == {it["name"] for it in spec["triggers"]}


@pytest.mark.parametrize(
    ("components", "formula"),
    [
        (["keda/latency"], f"{BY_WAIT} + running + backlog / 100"),
        (["keda/latency", GPU], f"{BY_WAIT} + running + backlog / 100 + {IF_BUSY}"),
        ([GPU, "keda/latency"], f"{BY_WAIT} + running + backlog / 100 + {IF_BUSY}"),
    ],
)
def test_predicted_wait_and_busy_gpus_count_together_in_either_order(
    tmp_path: Path, components: list[str], formula: str
) -> None:
    # Given an overlay with these components
    objects = mixed(tmp_path, *components)
    spec = named(objects, "ScaledObject", "inference")["spec"]
    # Then the formula has what each of them adds, and names every trigger and no other
    assert spec["advanced"]["scalingModifiers"]["formula"] == formula
    assert set(re.findall(r"[a-z]+", formula)) == {it["name"] for it in spec["triggers"]}
    assert spec["fallback"]["behavior"] == "scalingModifiers"
    # And what the terms are kept in stays here
    assert not [it for it in of_kind(objects, "ConfigMap") if "terms" in it["metadata"]["name"]]


def test_webhook_workers_scale_on_their_queue() -> None:
    assert redis_lists(scaled_object("cpu", "webhooks")) == {"due": WEBHOOK_QUEUE}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_scaled_is_there_and_nothing_else_scales_it(overlay: str) -> None:
    objects = rendered(overlay)
    deployments = {it["metadata"]["name"] for it in of_kind(objects, "Deployment")}
    scaled = [
        it["spec"]["scaleTargetRef"]["name"]
        for it in of_kind(objects, "ScaledObject", "HorizontalPodAutoscaler")
    ]

    assert set(scaled) <= deployments
    assert len(scaled) == len(set(scaled))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_outage_never_scales_in_and_a_lull_waits_five_minutes(overlay: str) -> None:
    spec = scaled_object(overlay, "inference")
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]

    assert spec["fallback"]["behavior"] in ("currentReplicasIfHigher", "scalingModifiers")
    assert down["stabilizationWindowSeconds"] == 300
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 10)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_trigger_asks_the_redis_that_the_pods_use(overlay: str) -> None:
    addresses = {
        trigger["metadata"]["address"]
        for name in ("inference", "webhooks")
        for trigger in scaled_object(overlay, name)["triggers"]
        if trigger["type"] == "redis"
    }

    theirs = "redis.example.com:6379" if overlay == "prod" else "redis.caravan.svc:6379"
    assert addresses == {theirs}


def test_every_metric_that_is_asked_for_is_one_that_we_have() -> None:
    documented = set(re.findall(r"`(llama_\w+)`", (ROOT / "docs" / "metrics.md").read_text()))
    queries = [
        trigger["metadata"]["query"]
        for trigger in scaled_object("gpu", "inference")["triggers"]
        if trigger["type"] == "prometheus"
    ] + re.findall(r"query: (.+)", LATENCY.read_text())

    asked = {name for query in queries for name in re.findall(r"llama_\w+", query)}
    assert asked == {"llama_gpu_utilization_ratio", "llama_queue_eta_seconds"}
    assert asked <= documented
    # A query with two results is an error for KEDA.
    assert all(re.match(r"(avg|max|sum)\(", query) for query in queries)


def test_every_metric_of_an_alert_is_one_that_we_have() -> None:
    documented = set(re.findall(r"`(llama_\w+)`", (ROOT / "docs" / "metrics.md").read_text()))
    (rules,) = of_kind(rendered("prod"), "PrometheusRule")
    expressions = [rule["expr"] for group in rules["spec"]["groups"] for rule in group["rules"]]

    asked = {name for it in expressions for name in re.findall(r"\bllama_\w+", it)}
    plain = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked - documented}
    assert asked
    assert plain - documented == set()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server with the users of compose/valkey/users.acl."""
    server = ValkeyServer(tmp_path, *StoreUsers(tmp_path).options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_the_user_of_keda_counts_every_list_that_a_trigger_names(store: ValkeyServer) -> None:
    lists = {
        name
        for workload in ("inference", "webhooks")
        for name in redis_lists(scaled_object("cpu", workload)).values()
    }
    with Redis.from_url(store.url) as anybody:
        for name in lists - {WEBHOOK_QUEUE}:
            anybody.zadd(name, {"job": 1})
        anybody.rpush(WEBHOOK_QUEUE, "bell")

    with Redis.from_url(address(store, "keda")) as keda:
        assert {name: keda.eval(COUNT, 1, name) for name in lists} == dict.fromkeys(lists, 1)
        for refused in (("get", "job:1"), ("zrange", "leases", 0, -1), ("del", "leases")):
            with pytest.raises(NoPermissionError):
                keda.execute_command(*refused)


def test_the_secret_of_keda_has_its_user_and_the_password_that_redis_knows() -> None:
    assert secrets()["caravan-keda"] == {
        "username": "keda",
        "password": secrets()["caravan"]["REDIS_PASSWORD_KEDA"],
    }
