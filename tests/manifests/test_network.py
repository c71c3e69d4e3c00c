"""Who reaches whom: every pair of pods and every port, compared with a table."""

from collections.abc import Iterable
from itertools import product

import pytest

from tests.manifests.conftest import OVERLAYS, Object, rendered
from tests.manifests.objects import of_kind, workloads
from tests.manifests.test_chart import rendered as rendered_chart
from tests.support.reach import Network, Pod

#: Pods that are not ours, each in a namespace of its own.
FOREIGN = (
    Pod("dns", "kube-system", (("k8s-app", "kube-dns"),), (53,)),
    Pod("other-system", "kube-system", (("k8s-app", "metrics-server"),), (443,)),
    Pod("keda", "keda", (("app", "keda-operator"),), ()),
    Pod("prometheus", "monitoring", (("app", "prometheus"),), (9090,)),
    Pod("collector", "monitoring", (("app", "otel-collector"),), (4317, 4318)),
    Pod("ingress", "ingress-nginx", (("app", "ingress-nginx"),), (443,)),
    Pod("stranger", "default", (("app", "caravan"),), (8080,)),
)
PROCESSES = ("gateway", "inference", "webhooks", "maintenance", "flower")
OURS = (*PROCESSES, "redis", "model-fetch")

#: source -> target -> ports. What does not stand here is refused.
ALLOWED: dict[str, dict[str, tuple[int, ...]]] = {
    "gateway": {"redis": (6379,), "dns": (53,)},
    "inference": {"redis": (6379,), "dns": (53,)},
    "webhooks": {"redis": (6379,), "dns": (53,)},
    "maintenance": {"redis": (6379,), "dns": (53,)},
    "flower": {"redis": (6379,), "dns": (53,)},
    "redis": {"dns": (53,)},
    "model-fetch": {"dns": (53,)},
    "dns": {"gateway": (8000,)},
    "other-system": {"gateway": (8000,)},
    "ingress": {"gateway": (8000,)},
    "stranger": {"gateway": (8000,)},
    "keda": {"gateway": (8000,), "redis": (6379,)},
    "prometheus": {
        "gateway": (8000,),
        "inference": (9090,),
        "webhooks": (9090,),
        "maintenance": (9090,),
    },
    "collector": {
        "gateway": (8000,),
        "inference": (9090,),
        "webhooks": (9090,),
        "maintenance": (9090,),
    },
}
PORTS = (53, 80, 443, 4317, 4318, 5555, 6379, 8000, 8080, 9090)

INTERNET = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946")
#: The metadata address in its disguises, and private networks.
FORBIDDEN = (
    *("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "::1", "fe80::1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255"),
)


def network(objects: Iterable[Object]) -> Network:
    return Network(of_kind(objects, "NetworkPolicy"))


def pods(objects: Iterable[Object]) -> dict[str, Pod]:
    return {pod.name: pod for pod in map(Pod.of, workloads(objects))}


def table(ours: Iterable[Pod], policies: Network) -> dict[str, dict[str, tuple[int, ...]]]:
    """What the policies allow, of connections that begin or end with one of ours."""
    everybody = (*ours, *FOREIGN)
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for source, target in product(everybody, everybody):
        if source is target or (source in FOREIGN and target in FOREIGN):
            continue
        ports = tuple(it for it in PORTS if policies.connects(source, target, it))
        if ports:
            found.setdefault(source.name, {})[target.name] = ports
    return found


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
def test_nobody_connects_to_anything_but_what_stands_in_the_table(overlay: str) -> None:
    objects = rendered(overlay)

    assert table(pods(objects).values(), network(objects)) == ALLOWED


def test_with_another_ones_redis_and_a_collector_these_are_reached_too() -> None:
    objects = rendered("prod")
    traced = dict.fromkeys(("gateway", "inference", "webhooks", "maintenance"))

    # The table without the pod of Redis, and with traces to the collector's namespace
    expected = {
        source: {target: ports for target, ports in targets.items() if target != "redis"}
        | ({"collector": (4317, 4318), "prometheus": (4317, 4318)} if source in traced else {})
        for source, targets in ALLOWED.items()
        if source != "redis"
    }
    assert table(pods(objects).values(), network(objects)) == expected
    for name in PROCESSES:
        assert network(objects).reaches(pods(objects)[name], "10.1.2.3", 6379)
    assert not network(objects).reaches(pods(objects)["model-fetch"], "10.1.2.3", 6379)


def test_a_release_of_the_chart_keeps_to_the_same_table_and_leaves_its_neighbours_alone() -> None:
    # Given a release in a namespace where somebody else runs a pod
    objects = list(rendered_chart().values())
    neighbour = Pod("neighbour", "release-namespace", (("app", "other"),), (8080,))

    # Then the table holds
    policies = network(objects)
    ours = pods(objects)
    assert table(ours.values(), policies) == ALLOWED

    # And the neighbour is open to others and shut out of ours
    assert policies.connects(FOREIGN[-1], neighbour, 8080)
    assert policies.reaches(neighbour, INTERNET[0], 443)
    assert not policies.connects(neighbour, ours["redis"], 6379)
    assert not policies.connects(neighbour, ours["flower"], 5555)
    assert policies.connects(neighbour, ours["gateway"], 8000)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_webhooks_and_the_fetch_of_the_model_reach_the_internet(overlay: str) -> None:
    objects = rendered(overlay)
    for name, pod in pods(objects).items():
        for address in INTERNET:
            allowed = name in ("webhooks", "model-fetch")
            assert network(objects).reaches(pod, address, 443) is allowed, name
            assert network(objects).reaches(pod, address, 80) is (name == "webhooks"), name
            assert network(objects).reaches(pod, address, 22) is False, name


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("address", FORBIDDEN)
def test_nobody_reaches_the_metadata_address_or_a_private_one(overlay: str, address: str) -> None:
    objects = rendered(overlay)
    for name, pod in pods(objects).items():
        for port in (80, 443):
            assert network(objects).reaches(pod, address, port) is False, name


def test_everything_is_denied_to_begin_with(objects: tuple[Object, ...]) -> None:
    (default,) = (
        it for it in of_kind(objects, "NetworkPolicy") if it["metadata"]["name"] == "default-deny"
    )

    assert default["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
