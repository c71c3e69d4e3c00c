"""Makes the templates of the Helm chart from the kustomize base: `python k8s/chart.py`.

One source for both: the base is rendered with names that stand for the release, a few of its
values are replaced by expressions, and every object becomes one template. A test renders the
chart with its defaults and finds the same objects.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

HELM = Path(__file__).parent / "helm"

Object = dict[str, Any]
Edit = Callable[[Object], None]

#: Text of the rendered base -> what the template says.
TEXTS = {
    "@redis:": "@{{ .Release.Name }}-redis:",
    "redis.caravan.svc": "{{ .Release.Name }}-redis.{{ .Release.Namespace }}.svc",
    "release-namespace": "{{ .Release.Namespace }}",
    "release-name": "{{ .Release.Name }}",
    "name: caravan\n": "name: {{ .Values.secretName }}\n",
}


def main() -> None:
    """Write helm/templates anew."""
    for old in (HELM / "templates").glob("*.yaml"):
        old.unlink()
    for name, text in templates():
        (HELM / "templates" / name).write_text(text)


def templates() -> Iterator[tuple[str, str]]:
    """Each template's file name and text."""
    for it in source_objects():
        name = it["metadata"]["name"].removeprefix("release-name-")
        for edit in EDITS.get((it["kind"], name), []):
            edit(it)
        text = _expressions(yaml.safe_dump(it, sort_keys=False, width=10_000))
        if it["apiVersion"].startswith("keda.sh/"):
            text = "{{- if .Values.autoscaling.enabled }}\n" + text + "{{- end }}\n"
        yield f"{name}-{it['kind'].lower()}.yaml", text


def source_objects() -> list[Object]:
    """The base as kustomize renders it for the chart."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [kubectl, "kustomize", HELM / "source"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(text))


def _expressions(text: str) -> str:
    """The text with what stands for a value replaced by its expression."""
    for plain, template in (TEXTS | TOKENS).items():
        text = text.replace(plain, template)
    return text


# --- values --------------------------------------------------------------------------------

#: Stands in the YAML where an expression will: YAML could not hold that itself.
TOKENS: dict[str, str] = {}


def _token(expression: str) -> str:
    token = f"VALUE{len(TOKENS):03d}X"
    TOKENS[token] = expression
    return token


def _block(value: str, indent: int) -> str:
    return _token("{{- toYaml .Values." + value + f" | nindent {indent} }}}}")


def _replicas(value: str) -> Edit:
    def edit(it: Object) -> None:
        it["spec"]["replicas"] = _token("{{ .Values.replicas." + value + " }}")

    return edit


def _image(name: str, tag: str = "{{ .Values.image.tag }}") -> Edit:
    image = _token("{{ .Values.image.registry }}/" + f"{name}:{tag}")

    def edit(it: Object) -> None:
        it["spec"]["template"]["spec"]["containers"][0]["image"] = image

    return edit


def _inference(it: Object) -> None:
    pod = it["spec"]["template"]["spec"]
    pod["containers"][0]["resources"] = _token('{{- include "caravan.resources" . | nindent 10 }}')
    pod["nodeSelector"] = _block("nodeSelector", 8)
    pod["tolerations"] = _block("tolerations", 8)


def _model(it: Object) -> None:
    it["data"].update(
        MODEL=_token("{{ .Values.model.name | quote }}"),
        ENGINE=_token("{{ .Values.model.engine | quote }}"),
        QUANTIZATION=_token("{{ .Values.model.quantization | quote }}"),
        N_GPU_LAYERS=_token("{{ .Values.model.gpuLayers | quote }}"),
        N_CTX=_token("{{ .Values.model.contextSize | quote }}"),
    )


def _autoscaling(it: Object) -> None:
    spec = it["spec"]
    spec["minReplicaCount"] = _token("{{ .Values.autoscaling.minReplicas }}")
    spec["maxReplicaCount"] = _token("{{ .Values.autoscaling.maxReplicas }}")
    spec["fallback"]["replicas"] = _token("{{ .Values.autoscaling.minReplicas }}")
    jobs = _token("{{ .Values.autoscaling.jobsPerPod | quote }}")
    spec["advanced"]["scalingModifiers"]["target"] = jobs
    for trigger in spec["triggers"]:
        trigger["metadata"]["listLength"] = jobs


_WORKER_TAG = "{{ .Values.image.tag }}-{{ .Values.image.workerFlavour }}"

#: (kind, name) -> what of it is a value.
EDITS: dict[tuple[str, str], list[Edit]] = {
    ("Deployment", "gateway"): [_image("gateway"), _replicas("gateway")],
    ("Deployment", "inference"): [
        _image("worker", _WORKER_TAG),
        _replicas("inference"),
        _inference,
    ],
    ("Deployment", "webhooks"): [_image("webhooks"), _replicas("webhooks")],
    ("Deployment", "maintenance"): [_image("maintenance")],
    ("Deployment", "flower"): [_image("flower")],
    ("Job", "model-fetch"): [_image("worker", _WORKER_TAG)],
    ("ConfigMap", "caravan"): [_model],
    ("ScaledObject", "inference"): [_autoscaling],
}


if __name__ == "__main__":
    main()
