"""``python -m compose.prometheus``: write rules/slo.yml, and the rules as a PrometheusRule."""

from pathlib import Path
from typing import Any

import yaml

from compose.prometheus.slo import groups

ROOT = Path(__file__).parents[2]
RULES = ROOT / "compose" / "prometheus" / "rules"
KUBERNETES = ROOT / "k8s" / "components" / "monitoring" / "rules.yaml"
MADE = "# Made by `python -m compose.prometheus`; do not edit.\n"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Lists set in, texts of several lines as blocks, nothing by reference."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(document: Any) -> str:
    """YAML as yamllint likes it."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)
    return MADE + text


def files() -> dict[Path, str]:
    """Each file that is made, and its text."""
    slo = groups()
    alerts = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "caravan", "namespace": "caravan"},
        "spec": {"groups": [*slo, *alerts]},
    }
    return {RULES / "slo.yml": dump({"groups": slo}), KUBERNETES: dump(resource)}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
