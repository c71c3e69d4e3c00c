"""The manifests as a cluster would get them."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ("cpu", "gpu", "prod")

Object = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Object, ...]:
    """The objects of ``kubectl apply -k k8s/overlays/OVERLAY``."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", f"k8s/overlays/{overlay}"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(yaml.safe_load_all(text))


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> tuple[Object, ...]:
    return rendered(request.param)
