"""Panels and boards, said in a line each, and the JSON that Grafana imports.

``{@}`` in a query stands for the labels that the variables of every board choose.
https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

CHOSEN = 'job=~"$job", instance=~"$instance"'
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and the name of its lines: a text with ``{{label}}`` in it."""

    expr: str
    legend: str

    def json(self, letter: str) -> Object:
        """A target."""
        return {
            "refId": letter,
            "datasource": SOURCE,
            "expr": self.expr.replace("{@}", f"{{{CHOSEN}}}").replace("@}", f"{CHOSEN}}}"),
            "legendFormat": self.legend,
            "range": True,
            "instant": False,
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """A drawing; ``unit`` is one of Grafana's, ``red`` the value from which it is alarming."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    stacked: bool = False
    red: float | None = None
    low_is_red: bool = False

    def json(self, number: int, x: int, y: int) -> Object:
        """The panel at its place."""
        letters = "ABCDEFGH"
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": _OPTIONS[self.kind],
            "targets": [q.json(letters[n]) for n, q in enumerate(self.queries)],
        }

    def _field(self) -> Object:
        calm, alarm = ("red", "green") if self.low_is_red else ("green", "red")
        steps: list[Object] = [{"color": calm, "value": None}]
        if self.red is not None:
            steps.append({"color": alarm, "value": self.red})
        field: Object = {
            "unit": self.unit,
            "min": 0,
            "thresholds": {"mode": "absolute", "steps": steps},
        }
        if self.kind == "timeseries":
            field["custom"] = {
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 20 if self.stacked else 5,
                "showPoints": "never",
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
                "thresholdsStyle": {"mode": "off" if self.red is None else "dashed"},
            }
        return field


@dataclass(frozen=True, slots=True)
class Board:
    """A page of panels, from left to right and from top to bottom."""

    uid: str
    title: str
    description: str
    panels: tuple[Panel, ...]

    def json(self) -> str:
        """The file that Grafana imports."""
        board = {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["caravan"],
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "links": [_LINK],
            "templating": {"list": _VARIABLES},
            "annotations": {"list": []},
            "panels": list(_placed(self.panels)),
        }
        return json.dumps(board, indent=2) + "\n"


def graph(title: str, unit: str, description: str, *queries: Query, **more: Any) -> Panel:
    """Lines over time."""
    return Panel(title, description, unit, queries, **more)


def number(title: str, unit: str, description: str, *queries: Query, **more: Any) -> Panel:
    """The latest value, large."""
    return Panel(title, description, unit, queries, kind="stat", width=4, height=4, **more)


def percentiles(metric: str, by: str = "", labels: str = "") -> tuple[Query, ...]:
    """p50, p95 and p99 of a histogram, apart by a label if one is given."""
    grouped = f"le, {by}" if by else "le"
    chosen = f"{{{labels}, @}}" if labels else "{@}"
    rate = f"sum by ({grouped}) (rate({metric}_bucket{chosen}[$__rate_interval]))"
    suffix = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Query(f"histogram_quantile({q / 100}, {rate})", f"p{q}{suffix}") for q in (50, 95, 99)
    )


def rate(metric: str, by: str = "", labels: str = "") -> str:
    """Per second, summed, apart by labels if any are given."""
    chosen = f"{{{labels}, @}}" if labels else "{@}"
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{chosen}[$__rate_interval]))"


def _placed(panels: Iterable[Panel]) -> Iterator[Object]:
    x = y = height = 0
    for n, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        yield panel.json(n, x, y)
        x, height = x + panel.width, max(height, panel.height)


def _variable(name: str, query: str) -> Object:
    return {
        "name": name,
        "label": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


_VARIABLES: list[Object] = [
    {"name": "datasource", "label": "data source", "type": "datasource", "query": "prometheus"},
    _variable("job", "label_values(llama_build_info, job)"),
    _variable("instance", 'label_values(llama_build_info{job=~"$job"}, instance)'),
]

_LINK: Object = {
    "title": "Caravan",
    "type": "dashboards",
    "tags": ["caravan"],
    "asDropdown": True,
    "keepTime": True,
    "includeVars": True,
}

_OPTIONS: dict[str, Object] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "textMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
}
