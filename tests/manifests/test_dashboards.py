"""The dashboards by the rules of grafana/dashboard-linter, and by ours.

https://github.com/grafana/dashboard-linter/tree/main/docs/rules
"""

import json
import re
from typing import Any

import pytest

from compose.grafana.__main__ import DASHBOARDS, files

BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}
PANELS = [
    pytest.param(panel, id=f"{uid}: {panel['title']} {panel['id']}")
    for uid, board in BOARDS.items()
    for panel in board["panels"]
]
#: Of Grafana's units, by their ids, those that we have a use for.
UNITS = {
    *("short", "percentunit", "bool_on_off", "bytes", "s", "celsius", "watt"),
    *("ops", "reqps"),
}
SELECTOR = re.compile(r"\b(?:llama|process|flower)_\w+(\{[^}]*\})?")


def queries(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def test_the_files_are_those_that_python_makes() -> None:
    made = files()

    assert {path.name for path in DASHBOARDS.iterdir()} == {path.name for path in made}
    for path, text in made.items():
        assert path.read_text() == text, "run: python -m compose.grafana"


def test_there_is_a_board_for_each_thing_to_watch() -> None:
    assert set(BOARDS) == {
        f"caravan-{name}"
        for name in ("overview", "queues", "inference", "gpu", "timeouts", "webhooks", "guard")
    }


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_a_board_is_imported_by_hand_and_asks_for_its_data_source(board: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}

    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    assert board["title"]
    assert board["description"]
    assert board["editable"] is False
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == (
        *("datasource", "prometheus"),
    )
    for name in ("job", "instance"):
        variable = variables[name]
        assert variable["datasource"]["uid"] == "${datasource}"
        assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (
            *(True, True),
            ".+",
        )
        assert variable["refresh"] == 2  # looked up again when the time range changes


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_panels_lie_side_by_side_and_none_in_a_row(board: dict[str, Any]) -> None:
    panels = board["panels"]
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert {panel["type"] for panel in panels} <= {"timeseries", "stat"}
    assert not [panel for panel in panels if "panels" in panel]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        assert target["legendFormat"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_query_asks_what_was_chosen_and_rates_over_the_right_time(panel: dict[str, Any]) -> None:
    for expr in queries(panel):
        assert set(re.findall(r"\[([^\]]+)\]", expr)) <= {"$__rate_interval"}
        for selector in SELECTOR.finditer(expr):
            assert 'job=~"$job"' in selector.group(), expr
            assert 'instance=~"$instance"' in selector.group(), expr


@pytest.mark.parametrize("panel", PANELS)
def test_a_counter_is_shown_as_a_rate(panel: dict[str, Any]) -> None:
    for expr in queries(panel):
        rated = re.sub(r"(?:rate|increase)\([^()]*\)", "", expr)
        assert not re.findall(r"\b\w+_(?:total|bucket|count|sum)\b", rated), expr


@pytest.mark.parametrize("panel", PANELS)
def test_what_is_in_a_legend_is_a_label_that_is_left(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        grouped = re.match(r"(?:histogram_quantile\([\d.]+, )?\w+ by \(([^)]*)\)", target["expr"])
        if grouped:
            assert named <= set(grouped[1].replace(" ", "").split(",")), target
