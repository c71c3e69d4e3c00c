"""Picks among rendered objects."""

from collections.abc import Iterable, Iterator

from tests.manifests.conftest import Object


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    return [it for it in objects if it["kind"] in kinds]


def named(objects: Iterable[Object], kind: str, name: str) -> Object:
    """The one object of this kind and name."""
    (found,) = (it for it in of_kind(objects, kind) if it["metadata"]["name"] == name)
    return found


def workloads(objects: Iterable[Object]) -> list[Object]:
    return of_kind(objects, "Deployment", "StatefulSet", "Job")


def containers(objects: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """Each container with its workload's name."""
    for workload in workloads(objects):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            yield workload["metadata"]["name"], container
