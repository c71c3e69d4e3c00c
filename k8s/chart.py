"""Makes the templates of the Helm chart from the kustomize base: `python k8s/chart.py`.

One source for both: the base is rendered with names that stand for the release, a few of its
values are replaced by expressions, and every object becomes one template. A test renders the
chart with its defaults and finds the same objects.
"""

import re
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
    "name: caravan-keda\n": "name: {{ .Values.secretName }}-keda\n",
}

#: Kinds and names of what is there only if a value says so.
CONDITIONS = {
    "ScaledObject": "autoscaling.enabled",
    "TriggerAuthentication": "autoscaling.enabled",
    "Ingress": "ingress.enabled",
    "ServiceMonitor": "monitoring.enabled",
    "PodMonitor": "monitoring.enabled",
    "PrometheusRule": "monitoring.enabled",
    "to-collector": "monitoring.enabled",
}


def main() -> None:
    """Write helm/templates anew."""
    made = dict(templates())
    for old in (HELM / "templates").glob("*.yaml"):
        old.unlink()
    for name, text in made.items():
        (HELM / "templates" / name).write_text(text)


def templates() -> Iterator[tuple[str, str]]:
    """Each template's file name and text."""
    for it in source_objects():
        name = it["metadata"]["name"].removeprefix("release-name-")
        for edit in EDITS.get((it["kind"], name), []):
            edit(it)
        condition = CONDITIONS.get(it["kind"]) or CONDITIONS.get(name)
        text = _expressions(_dump(it))
        if condition:
            text = f"{{{{- if .Values.{condition} }}}}\n{text}{{{{- end }}}}\n"
        yield f"{name}-{it['kind'].lower()}.yaml", text


def source_objects() -> list[Object]:
    """The base as kustomize renders it for the chart."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", str(HELM / "source")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(_DIGEST.sub(r"\1", text)))


#: kustomize puts a digest behind the name of a ConfigMap; a release has an annotation for that.
_DIGEST = re.compile(r"\b(release-name-(?:caravan|redis))-[2456789bcdfghkmt]{10}\b")


def _dump(it: Object) -> str:
    """YAML in which texts of several lines are blocks, and braces of others stay as they are."""
    text: str = yaml.dump(it, Dumper=_Dumper, sort_keys=False, width=10_000)
    return re.sub(r"\{\{(.*?)\}\}", r"{{ `{{\1}}` }}", text)


class _Dumper(yaml.SafeDumper):
    """Writes what people can read."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _expressions(text: str) -> str:
    """The text with what stands for a value replaced by its expression."""
    for plain, template in (TEXTS | TOKENS).items():
        text = text.replace(plain, template)
    return re.sub(r"(?m)^ *(LINE\d+X): null\n", lambda found: LINES[found[1]], text)


# --- values --------------------------------------------------------------------------------

#: Stands in the YAML where an expression will: YAML could not hold that itself.
TOKENS: dict[str, str] = {}


def _token(expression: str) -> str:
    token = f"VALUE{len(TOKENS):03d}X"
    TOKENS[token] = expression
    return token


#: Stands for a whole line, with what the template has in its place.
LINES: dict[str, str] = {}


def _line(text: str) -> str:
    token = f"LINE{len(LINES):03d}X"
    LINES[token] = text
    return token


def _replicas(value: str) -> Edit:
    """Without autoscaling the chart says how many; with it nobody does but the autoscaler."""
    token = _line(
        "  {{- if not .Values.autoscaling.enabled }}\n"
        f"  replicas: {{{{ .Values.replicas.{value} }}}}\n"
        "  {{- end }}\n"
    )

    def edit(it: Object) -> None:
        it["spec"] = {token: None, **it["spec"]}

    return edit


def _image(name: str, tag: str = "{{ .Values.image.tag }}") -> Edit:
    image = _token("{{ .Values.image.registry }}/" + f"{name}:{tag}")

    def edit(it: Object) -> None:
        it["spec"]["template"]["spec"]["containers"][0]["image"] = image

    return edit


def _restarts(config: str) -> Edit:
    """A changed ConfigMap makes new pods."""
    path = f"/{config}-configmap.yaml"
    digest = _token(f'{{{{ include (print $.Template.BasePath "{path}") . | sha256sum }}}}')

    def edit(it: Object) -> None:
        it["spec"]["template"]["metadata"]["annotations"] = {"checksum/config": digest}

    return edit


def _inference(it: Object) -> None:
    pod = it["spec"]["template"]["spec"]
    pod["containers"][0]["resources"] = _token('{{- include "caravan.resources" . | nindent 10 }}')
    pod["nodeSelector"] = _token('{{- include "caravan.nodeSelector" . | nindent 8 }}')
    pod["tolerations"] = _token('{{- include "caravan.tolerations" . | nindent 8 }}')


#: Settings of the model have values of their own.
_MODEL = {
    "MODEL": "model.name",
    "ENGINE": "model.engine",
    "QUANTIZATION": "model.quantization",
    "N_GPU_LAYERS": "model.gpuLayers",
    "N_CTX": "model.contextSize",
    "TRUSTED_PROXIES": "ingress.trustedProxies",
}


def _settings(it: Object) -> None:
    """Each has its own value, and .Values.settings may say another, or others."""
    data = it["data"]
    for name, value in data.items():
        data[name] = _setting(f'(get .Values.settings "{name}" | default "{value}")')
    data |= {name: _setting(f".Values.{value}") for name, value in _MODEL.items()}
    data["PUBLIC_URL"] = _setting('(include "caravan.publicUrl" .)')
    known = " ".join(f'"{name}"' for name in data)
    token = _line(
        f"  {{{{- range $name, $value := omit .Values.settings {known} }}}}\n"
        '  {{ $name }}: {{ include "caravan.setting" $value }}\n'
        "  {{- end }}\n"
    )
    it["data"] = {**data, token: None}


def _setting(value: str) -> str:
    return _token(f'{{{{ include "caravan.setting" {value} }}}}')


def _fetch(it: Object) -> None:
    """A Job cannot be changed: each revision of a release has its own."""
    it["metadata"]["name"] += _token("-{{ .Release.Revision }}")


def _gateways(it: Object) -> None:
    it["spec"]["minReplicas"] = _token("{{ .Values.replicas.gateway }}")
    it["spec"]["maxReplicas"] = _token("{{ max 6 (int .Values.replicas.gateway) }}")


def _senders(it: Object) -> None:
    fewest = _token("{{ .Values.replicas.webhooks }}")
    it["spec"]["minReplicaCount"] = it["spec"]["fallback"]["replicas"] = fewest
    it["spec"]["maxReplicaCount"] = _token("{{ max 8 (int .Values.replicas.webhooks) }}")


def _workers(it: Object) -> None:
    spec = it["spec"]
    spec["minReplicaCount"] = _token("{{ .Values.autoscaling.minReplicas }}")
    spec["maxReplicaCount"] = _token("{{ .Values.autoscaling.maxReplicas }}")
    spec["fallback"]["replicas"] = _token("{{ .Values.autoscaling.minReplicas }}")
    spec["fallback"]["behavior"] = _token('{{ include "caravan.fallback" . }}')
    modifiers = spec["advanced"]["scalingModifiers"]
    formula = modifiers["formula"]
    modifiers["formula"] = _token(
        f'{{{{ printf "{formula}%s" (include "caravan.gpuTerm" .) | quote }}}}'
    )
    jobs = _token('{{ include "caravan.jobsPerPod" . }}')
    modifiers["target"] = jobs
    for trigger in spec["triggers"]:
        trigger["metadata"]["listLength"] = jobs
    spec[_line('{{- include "caravan.gpuTrigger" . | nindent 2 }}\n')] = None


def _ingress(it: Object) -> None:
    host = _token("{{ .Values.ingress.host | quote }}")
    it["spec"]["ingressClassName"] = _token("{{ .Values.ingress.className }}")
    it["spec"]["rules"][0]["host"] = host
    it["spec"]["tls"][0].update(hosts=[host], secretName=_token("{{ .Values.ingress.tlsSecret }}"))


_WORKER_TAG = '{{ .Values.image.tag }}-{{ include "caravan.flavour" . }}'

#: (kind, name) -> what of it is a value.
EDITS: dict[tuple[str, str], list[Edit]] = {
    ("Deployment", "gateway"): [_image("gateway"), _restarts("caravan")],
    ("Deployment", "inference"): [
        _image("worker", _WORKER_TAG),
        _replicas("inference"),
        _restarts("caravan"),
        _inference,
    ],
    ("Deployment", "webhooks"): [
        _image("webhooks"),
        _replicas("webhooks"),
        _restarts("caravan"),
    ],
    ("Deployment", "maintenance"): [_image("maintenance"), _restarts("caravan")],
    ("Deployment", "flower"): [_image("flower"), _restarts("caravan")],
    ("StatefulSet", "redis"): [_restarts("redis")],
    ("Job", "model-fetch"): [_image("worker", _WORKER_TAG), _fetch],
    ("ConfigMap", "caravan"): [_settings],
    ("HorizontalPodAutoscaler", "gateway"): [_gateways],
    ("ScaledObject", "inference"): [_workers],
    ("ScaledObject", "webhooks"): [_senders],
    ("Ingress", "gateway"): [_ingress],
}


if __name__ == "__main__":
    main()
