"""The manifests as a cluster would get them."""

import os
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
    return _built(ROOT / "k8s" / "overlays" / overlay)


def mixed(folder: Path, *components: str) -> tuple[Object, ...]:
    """Those of an overlay in ``folder`` of somebody's own, with these components in this order."""

    def place(path: str) -> str:
        return os.path.relpath(ROOT / path, folder)

    overlay = {
        "resources": [place("k8s/base"), place("keda")],
        "components": [place(component) for component in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return _built(folder)


def _built(folder: Path) -> tuple[Object, ...]:
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", str(folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(yaml.safe_load_all(text))


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> tuple[Object, ...]:
    return rendered(request.param)
