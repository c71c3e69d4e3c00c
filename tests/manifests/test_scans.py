"""What the scanners say of everything that is rendered, and yamllint of what is written."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.manifests.conftest import OVERLAYS, ROOT, Object, rendered
from tests.manifests.test_chart import rendered as rendered_chart
from tests.manifests.test_schemas import CRDS, keda_schemas

#: The values that switch on everything that a value can.
EVERYTHING: dict[str, Any] = {
    "resources": {"requests": {"nvidia.com/gpu": 1}},
    "autoscaling": {"prometheus": "http://prometheus.monitoring.svc:9090"},
    "ingress": {"enabled": True},
    "monitoring": {"enabled": True},
}
WRITTEN = ("k8s", "keda", "compose")


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name(name)
    return subprocess.run(
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def chart(**values: Any) -> list[Object]:
    return list(rendered_chart(**values).values())


def test_trivy_finds_nothing_in_any_rendering(tmp_path: Path) -> None:
    # Given every overlay, and the chart with its defaults and with everything
    renderings = {overlay: rendered(overlay) for overlay in OVERLAYS}
    renderings |= {"chart": tuple(chart()), "chart-full": tuple(chart(**EVERYTHING))}
    for name, objects in renderings.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(objects))

    # When they are scanned
    result = tool(
        *("trivy", "config", "--skip-check-update", "--severity", "MEDIUM,HIGH,CRITICAL"),
        *("--ignorefile", "k8s/trivyignore.yaml", "--exit-code", "1", str(tmp_path)),
    )

    # Then there is nothing but what the file explains
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("kubernetes") == len(renderings)


def test_trivy_would_find_what_is_wrong(tmp_path: Path) -> None:
    (deployment,) = (
        it
        for it in rendered("cpu")
        if (it["kind"], it["metadata"]["name"]) == ("Deployment", "gateway")
    )
    changed = yaml.safe_load(yaml.safe_dump(deployment))
    changed["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] = True
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(changed))

    result = tool(
        *("trivy", "config", "--skip-check-update", "--severity", "MEDIUM,HIGH,CRITICAL"),
        *("--ignorefile", "k8s/trivyignore.yaml", "--exit-code", "1", str(tmp_path)),
    )

    assert result.returncode == 1
    assert "privileged" in result.stdout


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_every_object_of_the_chart_fits_its_schema(values: dict[str, Any]) -> None:
    for it in chart(**values):
        if not it["apiVersion"].startswith(("keda.sh/", "monitoring.coreos.com/")):
            kubernetes_validate.validate(it, "1.37", strict=True)


@pytest.mark.skipif(not CRDS.is_dir(), reason="KEDA's CRDs are not beside the project")
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_every_object_of_keda_in_the_chart_fits_its_crd(values: dict[str, Any]) -> None:
    found = [it for it in chart(**values) if it["apiVersion"].startswith("keda.sh/")]

    assert len(found) == 3
    for it in found:
        jsonschema.validate(it, keda_schemas()[it["kind"]])


def test_yamllint_finds_nothing() -> None:
    result = tool("yamllint", "--strict", *WRITTEN)

    assert (result.returncode, result.stdout) == (0, "")
