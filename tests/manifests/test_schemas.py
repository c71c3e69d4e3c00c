"""The manifests against the schemas of Kubernetes and KEDA."""

from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.manifests.conftest import ROOT, Object, mixed
from tests.manifests.objects import named

#: The CRDs of KEDA, for whoever has them beside the project.
CRDS = ROOT.parent / "shared" / "data" / "keda"
#: Kinds whose schemas no package carries.
UNKNOWN = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


def closed(schema: Any) -> Any:
    """The schema without room for fields that it does not name: a misspelt one fails."""
    if isinstance(schema, list):
        return [closed(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    free = "additionalProperties" in inner or "x-kubernetes-preserve-unknown-fields" in inner
    if "properties" in inner and inner.get("type") == "object" and not free:
        inner["additionalProperties"] = False
    return inner


def keda_schemas() -> dict[str, Any]:
    schemas = {}
    for path in sorted(CRDS.glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        schema = closed(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        schemas[crd["spec"]["names"]["kind"]] = schema
    return schemas


def test_every_object_of_kubernetes_fits_its_schema(objects: tuple[Object, ...]) -> None:
    for it in objects:
        if not it["apiVersion"].startswith(("keda.sh/", "monitoring.coreos.com/")):
            kubernetes_validate.validate(it, "1.37", strict=True)


@pytest.mark.skipif(not Path(CRDS).is_dir(), reason="KEDA's CRDs are not beside the project")
def test_every_object_of_keda_fits_its_crd(objects: tuple[Object, ...]) -> None:
    schemas = keda_schemas()
    scaled = [it for it in objects if it["apiVersion"].startswith("keda.sh/")]

    assert len(scaled) == 3
    for it in scaled:
        jsonschema.validate(it, schemas[it["kind"]])


@pytest.mark.skipif(not Path(CRDS).is_dir(), reason="KEDA's CRDs are not beside the project")
def test_an_overlay_that_scales_by_predicted_wait_fits_it_too(tmp_path: Path) -> None:
    found = named(mixed(tmp_path, "keda/latency"), "ScaledObject", "inference")

    jsonschema.validate(found, keda_schemas()["ScaledObject"])


@pytest.mark.skipif(not Path(CRDS).is_dir(), reason="KEDA's CRDs are not beside the project")
def test_a_misspelt_field_of_keda_is_found() -> None:
    wrong = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "x"},
        "spec": {"scaleTargetRef": {"name": "x"}, "triggers": [], "maxReplicaCont": 3},
    }

    with pytest.raises(jsonschema.ValidationError, match="maxReplicaCont"):
        jsonschema.validate(wrong, keda_schemas()["ScaledObject"])


def test_every_kind_has_a_schema_or_is_known_to_have_none(objects: tuple[Object, ...]) -> None:
    unknown = {it["kind"] for it in objects if it["apiVersion"].startswith("monitoring.")}

    assert unknown <= UNKNOWN
