"""The Secrets that k8s/secrets.sh prints, and what a pod's environment becomes with them."""

import subprocess
from collections.abc import Iterable
from functools import cache
from typing import Any

import yaml

from tests.manifests.conftest import ROOT, Object


@cache
def secrets(name: str = "caravan") -> dict[str, dict[str, str]]:
    """Each Secret's values."""
    command = ["sh", str(ROOT / "k8s" / "secrets.sh"), name]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {it["metadata"]["name"]: it["stringData"] for it in yaml.safe_load_all(text)}


def environment(container: Object, objects: Iterable[Object]) -> dict[str, str]:
    """What Kubernetes would put into the container's environment."""
    configs = {it["metadata"]["name"]: it["data"] for it in objects if it["kind"] == "ConfigMap"}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= configs[source["configMapRef"]["name"]]
    for variable in container.get("env", []):
        found[variable["name"]] = _value(variable, found)
    return found


def _value(variable: dict[str, Any], before: dict[str, str]) -> str:
    if "valueFrom" in variable:
        key = variable["valueFrom"]["secretKeyRef"]
        return secrets()[key["name"]][key["key"]]
    value = str(variable["value"])
    for name, known in before.items():
        value = value.replace(f"$({name})", known)
    return value
