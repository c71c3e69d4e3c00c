"""The Helm chart: the same objects as kustomize, and values that do what they say."""

import importlib.util
import json
import re
from types import ModuleType
from typing import Any

import pytest
import yaml
from helm_python import Chart, HelmValuesError
from helm_python.chart import lint

from tests.manifests.conftest import ROOT, Object
from tests.manifests.test_keda import scaled_object

CHART = ROOT / "k8s" / "helm"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart", ROOT / "k8s" / "chart.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rendered(revision: int = 1, **values: Any) -> dict[tuple[str, str], Object]:
    """(kind, name) -> object, of a release in a namespace whose names kustomize uses, too."""
    chart = Chart.load(CHART)
    chart.validate_schema(values)
    files = chart.render(
        values, name="release-name", namespace="release-namespace", revision=revision
    )
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


#: What a value switches on, and is off by default.
OPTIONAL = {
    ("Ingress", "gateway"),
    ("ServiceMonitor", "gateway"),
    ("PodMonitor", "workers"),
    ("PodMonitor", "maintenance"),
    ("PrometheusRule", "caravan"),
    ("NetworkPolicy", "to-collector"),
}


def base() -> dict[tuple[str, str], Object]:
    """(kind, name) -> object, as kustomize makes them; Redis has the name that the chart gives."""
    text = json.dumps(list(generator().source_objects())).replace("@redis:", "@release-name-redis:")
    text = text.replace("redis.caravan.svc", "release-name-redis.release-namespace.svc")
    return {
        (it["kind"], it["metadata"]["name"].removeprefix("release-name-")): it
        for it in json.loads(text)
    }


def test_with_its_defaults_the_chart_makes_the_objects_of_kustomize() -> None:
    always = {key: it for key, it in base().items() if key not in OPTIONAL}

    assert compared(rendered()) == compared(always)


def test_with_everything_switched_on_it_makes_all_of_them() -> None:
    values: dict[str, Any] = {
        "ingress": {"enabled": True, "trustedProxies": "10.0.0.0/8"},
        "monitoring": {"enabled": True},
    }

    assert compared(rendered(**values)) == compared(base())


def compared(objects: dict[tuple[str, str], Object]) -> dict[tuple[str, str], Object]:
    """The objects less what differs on purpose: the model's settings, and a Job's revision."""
    found = json.loads(json.dumps(list(objects.items())))
    kinds = {kind for kind, _ in objects}
    for (kind, name), it in found:
        if (kind, name) == ("ConfigMap", "caravan"):
            for setting in ("MODEL", "ENGINE", "QUANTIZATION", "N_GPU_LAYERS", "N_CTX"):
                it["data"].pop(setting, None)
            for setting in ("TRUSTED_PROXIES", "PUBLIC_URL"):  # '' where there is no Ingress
                it["data"][setting] = it["data"].get(setting) if "Ingress" in kinds else ""
        if (kind, name) == ("Deployment", "inference"):
            for field in ("nodeSelector", "tolerations"):
                assert not it["spec"]["template"]["spec"].pop(field, None)
        if kind in ("Deployment", "StatefulSet"):
            it["spec"]["template"]["metadata"].pop("annotations", None)
        if kind == "Job":
            it["metadata"]["name"] = it["metadata"]["name"].removesuffix("-1")
    return {(kind, name.removesuffix("-1")): it for (kind, name), it in found}


def test_the_documented_command_line_works() -> None:
    # --set image.tag=latest --set resources.requests."nvidia\\.com/gpu"=1 --set model.gpuLayers=35
    objects = rendered(
        image={"tag": "latest"},
        resources={"requests": {"nvidia.com/gpu": 1}},
        model={"gpuLayers": 35},
    )

    # Then a worker has one GPU, the image that can use it, and a node that has it
    pod = pod_of(objects, "inference")
    assert pod["containers"][0]["image"] == "caravan/worker:latest-gpu"
    assert pod["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] == 1
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert objects["ConfigMap", "caravan"]["data"]["N_GPU_LAYERS"] == "35"

    # And the pods are found as the document looks for them
    labels = objects["Deployment", "inference"]["spec"]["template"]["metadata"]["labels"]
    assert labels["app"] == "release-name"


def test_the_documented_block_of_autoscaling_works() -> None:
    block = yaml.safe_load("""
      enabled: true
      minReplicas: 3
      maxReplicas: 7
      customMetrics:
        - type: Pods
          pods:
            metric:
              name: llama_queue_depth
            target:
              type: AverageValue
              averageValue: "5"
    """)

    spec = rendered(autoscaling=block)["ScaledObject", "inference"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 7)
    assert spec["fallback"]["replicas"] == 3
    assert spec["advanced"]["scalingModifiers"]["target"] == "5"


def test_a_busy_gpu_counts_where_there_is_a_prometheus_to_ask() -> None:
    prometheus = {"prometheus": "http://prometheus.monitoring.svc:9090"}

    without = rendered()["ScaledObject", "inference"]["spec"]
    spec = rendered(autoscaling=prometheus)["ScaledObject", "inference"]["spec"]

    overlay = scaled_object("gpu", "inference")
    assert spec["advanced"]["scalingModifiers"] == overlay["advanced"]["scalingModifiers"]
    assert spec["triggers"][-1] == overlay["triggers"][-1]
    assert spec["fallback"]["behavior"] == "scalingModifiers"
    assert [it["name"] for it in spec["triggers"][:-1]] == [
        it["name"] for it in without["triggers"]
    ]


def test_any_setting_may_be_given() -> None:
    settings = {"MAX_QUEUE_SIZE": 2_000_000, "DRAIN_SECONDS": 2.5, "DEBUG": True, "N_BATCH": "64"}

    data = rendered(settings=settings)["ConfigMap", "caravan"]["data"]

    assert data["MAX_QUEUE_SIZE"] == "2000000"
    assert (data["DRAIN_SECONDS"], data["DEBUG"], data["N_BATCH"]) == ("2.5", "true", "64")


def test_webhooks_name_the_address_of_the_ingress_or_another_one() -> None:
    def public_url(**values: Any) -> str:
        return str(rendered(**values)["ConfigMap", "caravan"]["data"]["PUBLIC_URL"])

    assert public_url() == ""
    ingress = {"enabled": True, "host": "llama.example.com"}
    assert public_url(ingress=ingress) == "https://llama.example.com"
    other = {"PUBLIC_URL": "https://api.example.com"}
    assert public_url(ingress=ingress, settings=other) == other["PUBLIC_URL"]


def test_a_changed_setting_makes_new_pods_and_leaves_redis_alone() -> None:
    def digests(**values: Any) -> dict[str, str]:
        return {
            name: it["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            for (kind, name), it in rendered(**values).items()
            if kind in ("Deployment", "StatefulSet")
        }

    before, after = digests(), digests(settings={"MAX_QUEUE_SIZE": 200})

    assert {name for name in before if before[name] == after[name]} == {"redis"}


def test_secrets_and_images_come_from_elsewhere() -> None:
    objects = rendered(secretName="mine", image={"registry": "registry.example.com/x", "tag": 7})

    text = json.dumps(list(objects.values()))
    assert set(re.findall(r'"secretKeyRef": {"key": "\w+", "name": "([\w-]+)"', text)) == {"mine"}
    triggers = objects["TriggerAuthentication", "redis"]["spec"]["secretTargetRef"]
    assert {it["name"] for it in triggers} == {"mine-keda"}
    assert (
        pod_of(objects, "gateway")["containers"][0]["image"] == "registry.example.com/x/gateway:7"
    )


def test_each_revision_of_a_release_fetches_its_model_anew() -> None:
    names = [key for revision in (1, 2) for key in rendered(revision) if key[0] == "Job"]

    assert names == [("Job", "model-fetch-1"), ("Job", "model-fetch-2")]


def test_without_autoscaling_there_is_nothing_of_keda() -> None:
    objects = rendered(autoscaling={"enabled": False}, replicas={"inference": 5, "webhooks": 4})

    assert {kind for kind, _ in objects} & {"ScaledObject", "TriggerAuthentication"} == set()
    assert objects["Deployment", "inference"]["spec"]["replicas"] == 5
    assert objects["Deployment", "webhooks"]["spec"]["replicas"] == 4


def test_with_autoscaling_no_upgrade_brings_back_an_old_number() -> None:
    objects = rendered(replicas={"gateway": 3, "inference": 5, "webhooks": 4})

    for name in ("gateway", "inference", "webhooks"):
        assert "replicas" not in objects["Deployment", name]["spec"]
    assert objects["HorizontalPodAutoscaler", "gateway"]["spec"]["minReplicas"] == 3
    assert objects["ScaledObject", "webhooks"]["spec"]["minReplicaCount"] == 4


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
