"""What no schema says: that the objects fit each other, and the code."""

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import pytest

from api.settings import ApiSettings
from cli.settings import LauncherSettings
from common import keys
from common.queues import WEBHOOK_QUEUE, Priority
from tests.manifests.conftest import Object, rendered
from worker.settings import WorkerSettings

#: Names in the environment that are no setting of ours.
FOREIGN = {"REDIS_PASSWORD"}
COMPONENTS = ("gateway", "inference", "webhooks", "maintenance", "flower", "redis", "model-fetch")
TO_REDIS = ("gateway", "inference", "webhooks", "maintenance", "flower")
TO_THE_INTERNET = ("webhooks", "model-fetch")


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    return [it for it in objects if it["kind"] in kinds]


def workloads(objects: Iterable[Object]) -> list[Object]:
    return of_kind(objects, "Deployment", "StatefulSet", "Job")


def containers(objects: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    for workload in workloads(objects):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            yield workload["metadata"]["name"], container


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector picks these labels."""
    exact = all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items())
    ranges = selector.get("matchExpressions", [])
    return exact and all(labels.get(r["key"]) in r["values"] for r in ranges)


def pod_labels(objects: Iterable[Object], component: str) -> dict[str, str]:
    for workload in workloads(objects):
        labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
        if labels["app.kubernetes.io/component"] == component:
            return labels
    raise KeyError(component)


def test_every_selector_picks_the_pods_of_its_own_template(objects: tuple[Object, ...]) -> None:
    for workload in of_kind(objects, "Deployment", "StatefulSet"):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert matches(workload["spec"]["selector"], labels), workload["metadata"]["name"]


def test_every_service_reaches_a_named_port_of_some_pod(objects: tuple[Object, ...]) -> None:
    for service in of_kind(objects, "Service"):
        names = {
            port["name"]
            for workload in workloads(objects)
            if matches(
                {"matchLabels": service["spec"]["selector"]},
                workload["spec"]["template"]["metadata"]["labels"],
            )
            for container in workload["spec"]["template"]["spec"]["containers"]
            for port in container.get("ports", [])
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_every_disruption_budget_leaves_pods_to_a_workload(objects: tuple[Object, ...]) -> None:
    for budget in of_kind(objects, "PodDisruptionBudget"):
        name = budget["metadata"]["name"]
        (workload,) = (it for it in workloads(objects) if it["metadata"]["name"] == name)
        assert workload["spec"]["replicas"] > budget["spec"]["maxUnavailable"]


def test_every_variable_is_a_setting(objects: tuple[Object, ...]) -> None:
    known = {
        name.upper()
        for settings in (ApiSettings, WorkerSettings, LauncherSettings)
        for name in settings.model_fields
    }
    given = {variable["name"] for _, it in containers(objects) for variable in it.get("env", [])}
    for config in of_kind(objects, "ConfigMap"):
        given |= {name for name in config["data"] if name.isupper()}

    assert given - FOREIGN <= known


def test_every_claim_config_and_account_that_is_named_is_there(objects: tuple[Object, ...]) -> None:
    there = {(it["kind"], it["metadata"]["name"]) for it in objects}
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        assert ("ServiceAccount", pod["serviceAccountName"]) in there
        for volume in pod.get("volumes", []):
            if "persistentVolumeClaim" in volume:
                name = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", name) in there
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there


def test_every_container_is_locked_down(objects: tuple[Object, ...]) -> None:
    for name, container in containers(objects):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert {"cpu", "memory"} <= set(container["resources"]["limits"]), name
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False


def test_every_server_is_probed_and_gets_time_to_start(objects: tuple[Object, ...]) -> None:
    for name, container in containers(objects):
        if name in ("model-fetch", "redis"):
            continue
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


def test_a_worker_gets_longer_to_drain_than_it_takes() -> None:
    (inference,) = (
        it for it in workloads(rendered("cpu")) if it["metadata"]["name"] == "inference"
    )
    drain = WorkerSettings.model_fields["drain_seconds"].default
    request = ApiSettings.model_fields["request_timeout"].default

    assert inference["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > max(
        drain, request
    )


def test_only_a_gpu_overlay_asks_for_a_gpu() -> None:
    asked = {
        overlay: [
            name
            for name, container in containers(rendered(overlay))
            if "nvidia.com/gpu" in container["resources"]["limits"]
        ]
        for overlay in ("cpu", "gpu", "prod")
    }

    assert asked == {"cpu": [], "gpu": ["inference"], "prod": ["inference"]}


# --- who reaches whom ------------------------------------------------------------------------


def reaches_pod(objects: tuple[Object, ...], source: str, target: str, port: int) -> bool:
    """Whether the policies let one component's pods connect to another's port."""
    policies = of_kind(objects, "NetworkPolicy")
    out, into = pod_labels(objects, source), pod_labels(objects, target)

    def allowed(direction: str, own: dict[str, str], other: dict[str, str]) -> bool:
        peers = "to" if direction == "egress" else "from"
        return any(
            any(_is_peer(peer, other) for peer in rule.get(peers, []))
            and port in [it["port"] for it in rule.get("ports", [])]
            for policy in policies
            if matches(policy["spec"]["podSelector"], own)
            for rule in policy["spec"].get(direction, [])
        )

    return allowed("egress", out, into) and allowed("ingress", into, out)


def _is_peer(peer: Object, labels: dict[str, str]) -> bool:
    if peer.get("namespaceSelector"):
        return False  # another namespace
    return "ipBlock" not in peer and matches(peer.get("podSelector", {}), labels)


def reaches_address(objects: tuple[Object, ...], source: str, address: str) -> bool:
    """Whether the policies let a component's pods connect to an address outside."""
    from ipaddress import ip_address, ip_network

    def covers(block: Object) -> bool:
        inside = ip_address(address) in ip_network(block["cidr"])
        return inside and not any(
            ip_address(address) in ip_network(hole) for hole in block.get("except", [])
        )

    return any(
        "ipBlock" in peer and covers(peer["ipBlock"])
        for policy in of_kind(objects, "NetworkPolicy")
        if matches(policy["spec"]["podSelector"], pod_labels(objects, source))
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
    )


def test_everything_is_denied_to_begin_with(objects: tuple[Object, ...]) -> None:
    (default,) = (
        it for it in of_kind(objects, "NetworkPolicy") if it["metadata"]["name"] == "default-deny"
    )

    assert default["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_redis_is_reached_by_those_who_need_it_and_nothing_else_is_by_anybody() -> None:
    objects = rendered("cpu")
    for source, target in product(COMPONENTS, COMPONENTS):
        expected = target == "redis" and source in TO_REDIS
        assert reaches_pod(objects, source, target, 6379) is expected, (source, target)
        assert reaches_pod(objects, source, target, 9090) is False, (source, target)


@pytest.mark.parametrize("component", COMPONENTS)
def test_only_webhooks_and_the_model_fetch_reach_the_internet(component: str) -> None:
    assert reaches_address(rendered("cpu"), component, "93.184.216.34") is (
        component in TO_THE_INTERNET
    )


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "192.168.1.1", "127.0.0.1"])
def test_nobody_reaches_the_metadata_address_or_a_private_one(component: str, address: str) -> None:
    assert reaches_address(rendered("cpu"), component, address) is False


# --- KEDA --------------------------------------------------------------------------------------


def scaled_object(overlay: str, name: str) -> dict[str, Any]:
    (found,) = (
        it for it in of_kind(rendered(overlay), "ScaledObject") if it["metadata"]["name"] == name
    )
    spec: dict[str, Any] = found["spec"]
    return spec


def redis_lists(spec: dict[str, Any]) -> dict[str, str]:
    return {
        trigger["name"]: trigger["metadata"]["listName"]
        for trigger in spec["triggers"]
        if trigger["type"] == "redis"
    }


@pytest.mark.parametrize("overlay", ["cpu", "gpu", "prod"])
def test_workers_scale_on_all_that_waits_or_runs(overlay: str) -> None:
    lists = redis_lists(scaled_object(overlay, "inference"))

    assert set(lists.values()) == {
        *(priority.waiting for priority in Priority),
        keys.LEASES,
        keys.BATCH_BACKLOG,
    }


@pytest.mark.parametrize("overlay", ["cpu", "gpu", "prod"])
def test_the_formula_names_every_trigger_and_no_other(overlay: str) -> None:
    spec = scaled_object(overlay, "inference")
    formula = spec["advanced"]["scalingModifiers"]["formula"]

    assert set(re.findall(r"[a-z]+", formula)) == {it["name"] for it in spec["triggers"]}


def test_webhook_workers_scale_on_their_queue() -> None:
    assert redis_lists(scaled_object("cpu", "webhooks")) == {"due": WEBHOOK_QUEUE}


@pytest.mark.parametrize("overlay", ["cpu", "gpu", "prod"])
def test_what_is_scaled_is_there_and_nothing_else_scales_it(overlay: str) -> None:
    objects = rendered(overlay)
    deployments = {it["metadata"]["name"] for it in of_kind(objects, "Deployment")}
    scaled = [
        it["spec"]["scaleTargetRef"]["name"]
        for it in of_kind(objects, "ScaledObject", "HorizontalPodAutoscaler")
    ]

    assert set(scaled) <= deployments
    assert len(scaled) == len(set(scaled))
