"""What no schema says: that the objects fit each other, and the code."""

import re
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from flower.urls import handlers

from api.settings import ApiSettings
from cli.ports import any_free
from cli.settings import LauncherSettings
from common.settings import CommonSettings
from tests.manifests.conftest import Object, rendered
from tests.manifests.objects import containers, of_kind, workloads
from tests.manifests.secrets import environment, secrets
from tests.support.openapi import describe
from tests.support.reach import matches
from worker.health import HealthServer
from worker.settings import WorkerSettings

#: Names in the environment that are no setting of ours.
FOREIGN = {"HF_TOKEN"}
SETTINGS: dict[str, type[CommonSettings]] = {
    "gateway": ApiSettings,
    "flower": LauncherSettings,
    "inference": WorkerSettings,
    "webhooks": WorkerSettings,
    "maintenance": WorkerSettings,
}


def fewest(objects: tuple[Object, ...], name: str) -> int:
    """The replicas that a workload has at least: its autoscaler's, else its own."""
    for it in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        if it["spec"]["scaleTargetRef"]["name"] == name:
            return int(it["spec"].get("minReplicas") or it["spec"]["minReplicaCount"])
    (workload,) = (it for it in workloads(objects) if it["metadata"]["name"] == name)
    return int(workload["spec"].get("replicas", 1))


def most(objects: tuple[Object, ...], workload: Object) -> int:
    """The replicas that a workload may have at once, those of a rollout included."""
    name = workload["metadata"]["name"]
    for it in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        if it["spec"]["scaleTargetRef"]["name"] == name:
            most = it["spec"].get("maxReplicas") or it["spec"]["maxReplicaCount"]
            surge = workload["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge")
            return int(most) + (int(most) // 4 + 1 if surge is None else int(surge))
    return int(workload["spec"].get("replicas", 1)) + 1


def amount(text: str) -> float:
    """A quantity of Kubernetes as a number: "250m", "2Gi", "4"."""
    units = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", str(text)).groups()  # type: ignore[union-attr]
    return float(number) * units.get(unit, 1)


# --- objects that fit each other -----------------------------------------------------------------


def test_every_selector_picks_the_pods_of_its_own_template(objects: tuple[Object, ...]) -> None:
    for workload in of_kind(objects, "Deployment", "StatefulSet"):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert matches(workload["spec"]["selector"], labels), workload["metadata"]["name"]


def test_every_pod_is_found_by_the_name_of_the_release(objects: tuple[Object, ...]) -> None:
    for workload in workloads(objects):
        assert workload["spec"]["template"]["metadata"]["labels"]["app"] == "caravan"


def test_every_service_reaches_a_named_port_of_some_pod(objects: tuple[Object, ...]) -> None:
    for service in of_kind(objects, "Service"):
        names = {
            port["name"]
            for workload in workloads(objects)
            if matches(
                {"matchLabels": service["spec"]["selector"]},
                workload["spec"]["template"]["metadata"]["labels"],
            )
            for container in workload["spec"]["template"]["spec"]["containers"]
            for port in container.get("ports", [])
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_every_disruption_budget_leaves_pods_to_a_workload(objects: tuple[Object, ...]) -> None:
    budgets = of_kind(objects, "PodDisruptionBudget")

    assert {it["metadata"]["name"] for it in budgets} == {"gateway", "inference", "webhooks"}
    for budget in budgets:
        name = budget["metadata"]["name"]
        (workload,) = (it for it in workloads(objects) if it["metadata"]["name"] == name)
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert matches(budget["spec"]["selector"], labels)
        assert fewest(objects, name) > budget["spec"]["maxUnavailable"]


def test_a_changed_setting_makes_new_pods(objects: tuple[Object, ...]) -> None:
    """The ConfigMap's name has a digest of what is in it."""
    for config in of_kind(objects, "ConfigMap"):
        assert re.fullmatch(r"(caravan|redis)-[a-z0-9]{10}", config["metadata"]["name"])


def test_what_is_scaled_says_no_number_that_an_apply_would_bring_back(
    objects: tuple[Object, ...],
) -> None:
    scaled = {
        it["spec"]["scaleTargetRef"]["name"]
        for it in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    }

    assert scaled == {"gateway", "inference", "webhooks"}
    for workload in workloads(objects):
        if workload["metadata"]["name"] in scaled:
            assert "replicas" not in workload["spec"]


def test_every_claim_config_and_account_that_is_named_is_there(objects: tuple[Object, ...]) -> None:
    there = {(it["kind"], it["metadata"]["name"]) for it in objects}
    used = set()
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        used.add(("ServiceAccount", pod["serviceAccountName"]))
        for volume in pod.get("volumes", []):
            if "persistentVolumeClaim" in volume:
                used.add(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
            if "configMap" in volume:
                used.add(("ConfigMap", volume["configMap"]["name"]))
        for container in pod["containers"]:
            used |= {
                ("ConfigMap", it["configMapRef"]["name"]) for it in container.get("envFrom", [])
            }

    kinds = ("ServiceAccount", "PersistentVolumeClaim", "ConfigMap")
    named = {it for it in there if it[0] in kinds}
    assert used <= there
    assert named <= used, "nobody uses these"


def test_every_mount_is_of_a_volume(objects: tuple[Object, ...]) -> None:
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        claims = workload["spec"].get("volumeClaimTemplates", [])
        volumes = {it["name"] for it in pod["volumes"]} | {it["metadata"]["name"] for it in claims}
        mounts = {mount["name"] for it in pod["containers"] for mount in it["volumeMounts"]}
        assert mounts == volumes, workload["metadata"]["name"]


def test_all_pods_together_fit_into_the_quota(objects: tuple[Object, ...]) -> None:
    (quota,) = of_kind(objects, "ResourceQuota")
    for limit, allowed in quota["spec"]["hard"].items():
        kind, _, name = limit.partition(".")
        if kind not in ("requests", "limits"):
            continue
        asked = sum(
            most(objects, workload) * amount(it["resources"][kind].get(name, "0"))
            for workload in workloads(objects)
            for it in workload["spec"]["template"]["spec"]["containers"]
        )
        assert asked <= amount(allowed), limit


def test_the_ingress_has_tls_for_its_host_and_lets_streams_live() -> None:
    (ingress,) = of_kind(rendered("prod"), "Ingress")
    (rule,) = ingress["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    (service,) = (
        it for it in of_kind(rendered("prod"), "Service") if it["metadata"]["name"] == "gateway"
    )
    nginx = {k.rpartition("/")[2]: v for k, v in ingress["metadata"]["annotations"].items()}

    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in [it["name"] for it in service["spec"]["ports"]]
    assert nginx["proxy-buffering"] == "off"
    assert int(nginx["proxy-read-timeout"]) >= 3600
    upload = ApiSettings.model_fields["max_file_bytes"].default
    assert int(nginx["proxy-body-size"].removesuffix("m")) * 2**20 >= upload


def test_every_monitor_finds_a_port_and_its_credential() -> None:
    objects = rendered("prod")
    ports = {
        workload["metadata"]["name"]: {
            port["name"]
            for it in workload["spec"]["template"]["spec"]["containers"]
            for port in it.get("ports", [])
        }
        for workload in workloads(objects)
    }
    labels = {
        it["metadata"]["name"]: it["spec"]["template"]["metadata"]["labels"]
        for it in workloads(objects)
    }
    watched: set[str] = set()
    for monitor in of_kind(objects, "ServiceMonitor", "PodMonitor"):
        found = {name for name, it in labels.items() if matches(monitor["spec"]["selector"], it)}
        ends = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
        for end in ends:
            assert all(end["port"] in ports[name] for name in found)
            key = end.get("authorization", {}).get("credentials")
            assert key is None or key["key"] in secrets()[key["name"]]
        assert not watched & found, "scraped twice"
        watched |= found
    assert watched == {"gateway", "inference", "webhooks", "maintenance"}


# --- objects that fit the code -------------------------------------------------------------------


def test_every_variable_is_a_setting(objects: tuple[Object, ...]) -> None:
    for workload in workloads(objects):
        name = workload["metadata"]["name"]
        if name == "redis":
            continue
        known = {
            field.upper()
            for settings in (ApiSettings, WorkerSettings, LauncherSettings)
            for field in settings.model_fields
        }
        for container in workload["spec"]["template"]["spec"]["containers"]:
            assert set(environment(container, objects)) - FOREIGN <= known, name


@pytest.mark.parametrize("overlay", ["cpu", "gpu", "prod"])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_process_starts_in_production_with_what_its_pod_gives_it(
    overlay: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = rendered(overlay)
    (container,) = (it for workload, it in containers(objects) if workload == name)
    for variable, value in environment(container, objects).items():
        monkeypatch.setenv(variable, value)

    settings = SETTINGS[name]()

    password = secrets()["caravan"][f"REDIS_PASSWORD_{name.upper()}"]
    assert settings.app_env == "production"
    assert re.match(rf"rediss?://{name}:{password}@", settings.redis_url)


def test_every_secret_that_is_printed_is_used_and_the_other_way_round() -> None:
    used: set[tuple[str, str]] = set()
    for overlay in ("cpu", "gpu", "prod"):
        for _, container in containers(rendered(overlay)):
            for variable in container.get("env", []):
                key = variable.get("valueFrom", {}).get("secretKeyRef")
                used |= {(key["name"], key["key"])} if key else set()
        for it in of_kind(rendered(overlay), "TriggerAuthentication"):
            used |= {(ref["name"], ref["key"]) for ref in it["spec"]["secretTargetRef"]}

    printed = {(name, key) for name, values in secrets().items() for key in values}
    assert used == printed


def test_no_secret_stands_in_a_config(objects: tuple[Object, ...]) -> None:
    for config in of_kind(objects, "ConfigMap"):
        assert not [name for name in config["data"] if re.search("SECRET|PASSWORD|TOKEN|KEY", name)]


def probed() -> dict[str, set[str]]:
    """The paths that each component's pods are asked for, in all overlays."""
    found: dict[str, set[str]] = {}
    for overlay in ("cpu", "gpu", "prod"):
        for name, container in containers(rendered(overlay)):
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                path = container.get(probe, {}).get("httpGet", {}).get("path", "").partition("?")[0]
                found.setdefault(name, set()).update([path] if path else [])
    return found


def test_every_probe_asks_for_a_path_that_is_answered(tmp_path: Path) -> None:
    paths = probed()
    flower = {(it[0] if isinstance(it, tuple) else it.regex.pattern).rstrip("$") for it in handlers}
    worker = HealthServer(None, "127.0.0.1", any_free())
    worker.start(alive=str, ready=str)
    try:
        assert paths.pop("gateway") <= set(describe(tmp_path)["paths"])
        assert paths.pop("flower") <= flower
        for path in set().union(*paths.values()):
            assert urlopen(f"http://127.0.0.1:{worker.port}{path}").status == 200
        with pytest.raises(HTTPError) as missing:
            urlopen(f"http://127.0.0.1:{worker.port}/nothing")
        missing.value.close()
    finally:
        worker.close()


def test_every_server_is_probed_and_gets_time_to_start(objects: tuple[Object, ...]) -> None:
    for name, container in containers(objects):
        if name != "model-fetch":
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


def test_a_worker_gets_longer_to_drain_than_it_takes(objects: tuple[Object, ...]) -> None:
    (inference,) = (it for it in workloads(objects) if it["metadata"]["name"] == "inference")
    drain = WorkerSettings.model_fields["drain_seconds"].default
    request = ApiSettings.model_fields["request_timeout"].default

    grace = inference["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > max(drain, request)
    assert inference["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


# --- what is locked down -------------------------------------------------------------------------


def test_every_container_is_locked_down(objects: tuple[Object, ...]) -> None:
    for name, container in containers(objects):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert {"cpu", "memory"} <= set(container["resources"]["limits"]), name
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def test_the_namespace_enforces_it(objects: tuple[Object, ...]) -> None:
    (namespace,) = of_kind(objects, "Namespace")

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_account_may_do_anything(objects: tuple[Object, ...]) -> None:
    assert of_kind(objects, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding") == []
    for account in of_kind(objects, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_only_a_gpu_overlay_asks_for_a_gpu_and_for_the_nodes_that_have_one() -> None:
    asked = {
        overlay: [
            name
            for name, container in containers(rendered(overlay))
            if "nvidia.com/gpu" in container["resources"]["limits"]
        ]
        for overlay in ("cpu", "gpu", "prod")
    }
    (inference,) = (
        it for it in workloads(rendered("gpu")) if it["metadata"]["name"] == "inference"
    )
    pod = inference["spec"]["template"]["spec"]

    assert asked == {"cpu": [], "gpu": ["inference"], "prod": ["inference"]}
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert "nvidia.com/gpu" in [it["key"] for it in pod["tolerations"]]
    assert pod["containers"][0]["image"].endswith("-gpu")
    assert ("shm", "Memory") in [
        (it["name"], it.get("emptyDir", {}).get("medium")) for it in pod["volumes"]
    ]
