"""The Helm chart: the same objects as kustomize, and values that do what they say."""

import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest
import yaml
from helm_python import Chart, HelmValuesError
from helm_python.chart import lint

from tests.manifests.conftest import ROOT, Object

CHART = ROOT / "k8s" / "helm"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart", ROOT / "k8s" / "chart.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rendered(**values: Any) -> dict[tuple[str, str], Object]:
    """(kind, name) -> object, of a release in a namespace whose names kustomize uses, too."""
    chart = Chart.load(CHART)
    chart.validate_schema(values)
    files = chart.render(values, name="release-name", namespace="release-namespace")
    objects = [
        it
        for name, text in files.items()
        if name.endswith(".yaml")
        for it in yaml.safe_load_all(text)
        if it
    ]
    return {
        (it["kind"], it["metadata"]["name"].removeprefix("release-name-")): it for it in objects
    }


def pod_of(objects: dict[tuple[str, str], Object], name: str) -> Any:
    return objects["Deployment", name]["spec"]["template"]["spec"]


def test_the_templates_are_those_that_the_base_makes() -> None:
    made = dict(generator().templates())
    there = {path.name: path.read_text() for path in (CHART / "templates").glob("*.yaml")}

    assert there == made, "run: python k8s/chart.py"


def test_with_its_defaults_the_chart_makes_the_objects_of_kustomize() -> None:
    # Given what kustomize makes of the base
    base = {
        (it["kind"], it["metadata"]["name"].removeprefix("release-name-")): it
        for it in generator().source_objects()
    }

    # When the chart is rendered with its defaults
    chart = rendered()

    # Then nothing differs but what the chart always says of the model
    settings = chart["ConfigMap", "caravan"]["data"]
    for name in ("MODEL", "ENGINE", "QUANTIZATION", "N_GPU_LAYERS", "N_CTX"):
        settings.pop(name)
    pod = pod_of(chart, "inference")
    assert (pod.pop("nodeSelector"), pod.pop("tolerations")) == ({}, [])
    text = json.dumps(list(base.values())).replace("@redis:", "@release-name-redis:")
    text = text.replace("redis.caravan.svc", "release-name-redis.release-namespace.svc")
    assert sorted(map(_text, chart.values())) == sorted(map(_text, json.loads(text)))


def _text(it: Object) -> str:
    return json.dumps(it, sort_keys=True)


def test_the_documented_command_line_works() -> None:
    objects = rendered(
        image={"tag": "latest"},
        resources={"requests": {"nvidia.com/gpu": 1}},
        model={"gpuLayers": 20},
        autoscaling={"minReplicas": 3},
    )

    pod = pod_of(objects, "inference")
    assert pod["containers"][0]["image"] == "caravan/worker:latest-cpu"
    assert pod["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] == 1
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert objects["ConfigMap", "caravan"]["data"]["N_GPU_LAYERS"] == "20"
    assert objects["ScaledObject", "inference"]["spec"]["minReplicaCount"] == 3


def test_without_autoscaling_there_is_nothing_of_keda() -> None:
    objects = rendered(autoscaling={"enabled": False}, replicas={"inference": 5})

    assert {kind for kind, _ in objects} & {"ScaledObject", "TriggerAuthentication"} == set()
    assert objects["Deployment", "inference"]["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"modle": {}}, "modle"),
        ({"model": {"gpuLayers": "all"}}, "gpuLayers"),
        ({"image": {"workerFlavour": "tpu"}}, "workerFlavour"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(HelmValuesError, match=named):
        rendered(**values)


def test_helm_finds_nothing_wrong() -> None:
    report = lint(CHART)

    assert report["errors"] == []
    assert [it["error"] for it in report["messages"]] == ["icon is recommended"]
