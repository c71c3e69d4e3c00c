"""Who may connect to whom, by the NetworkPolicies of rendered manifests.

The rules of networking.k8s.io/v1: a pod that no policy of a direction selects is open in it; one
that is selected may do what any of those policies allows; both ends have to agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, its namespace and the ports it listens on."""

    name: str
    namespace: str
    labels: tuple[tuple[str, str], ...]
    ports: tuple[int, ...] = ()

    @classmethod
    def of(cls, workload: Object) -> "Pod":
        """The pod that a Deployment, StatefulSet or Job makes."""
        template = workload["spec"]["template"]
        labels = template["metadata"]["labels"]
        ports = [
            port["containerPort"]
            for container in template["spec"]["containers"]
            for port in container.get("ports", [])
        ]
        name = labels["app.kubernetes.io/component"]
        namespace = workload["metadata"]["namespace"]
        return cls(name, namespace, tuple(labels.items()), tuple(ports))


class Network:
    """Answers for a set of policies."""

    def __init__(self, policies: Iterable[Object]) -> None:
        self._policies = list(policies)

    def connects(self, source: Pod, target: Pod, port: int) -> bool:
        """Whether a pod may open a connection to another's port."""
        return self._allows("egress", source, target, port) and self._allows(
            "ingress", target, source, port
        )

    def reaches(self, source: Pod, address: str, port: int) -> bool:
        """Whether a pod may open a connection to an address outside the cluster."""
        return self._allows("egress", source, address, port)

    def _allows(self, direction: str, own: Pod, other: Pod | str, port: int) -> bool:
        policies = [it for it in self._policies if _selects(it, direction, own)]
        return not policies or any(
            _is_port(rule, port) and _is_peer(rule, direction, policy, other)
            for policy in policies
            for rule in policy["spec"].get(direction, [])
        )


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector picks these labels."""
    exact = all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items())
    return exact and all(_holds(it, labels) for it in selector.get("matchExpressions", []))


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
    return value is None


def _selects(policy: Object, direction: str, pod: Pod) -> bool:
    return (
        policy["metadata"]["namespace"] == pod.namespace
        and direction.capitalize() in policy["spec"]["policyTypes"]
        and matches(policy["spec"]["podSelector"], dict(pod.labels))
    )


def _is_port(rule: Object, port: int) -> bool:
    return "ports" not in rule or port in [it["port"] for it in rule["ports"]]


def _is_peer(rule: Object, direction: str, policy: Object, other: Pod | str) -> bool:
    peers = rule.get("to" if direction == "egress" else "from")
    if not peers:
        return True
    if isinstance(other, str):
        return any(_covers(peer["ipBlock"], other) for peer in peers if "ipBlock" in peer)
    return any(_is_pod(peer, policy["metadata"]["namespace"], other) for peer in peers)


def _is_pod(peer: Object, namespace: str, pod: Pod) -> bool:
    if "ipBlock" in peer:
        return False  # addresses of pods are nobody's to rely on
    if "namespaceSelector" in peer:
        names = {"kubernetes.io/metadata.name": pod.namespace}
        here = matches(peer["namespaceSelector"], names)
    else:
        here = pod.namespace == namespace
    return here and matches(peer.get("podSelector", {}), dict(pod.labels))


def _covers(block: Object, address: str) -> bool:
    networks = [ip_network(it) for it in (block["cidr"], *block.get("except", []))]
    inside = [ip_address(address) in network for network in networks]
    return inside[0] and not any(inside[1:])
