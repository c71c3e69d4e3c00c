"""Rules, configuration and their unit tests, by promtool and amtool; a runbook for each alert."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.prometheus.__main__ import KUBERNETES, RULES, files
from compose.prometheus.slo import OBJECTIVES, PAGE, TICKET, WINDOWS
from tests.manifests.conftest import ROOT
from tests.support.tools import tool

PROMETHEUS = RULES.parent
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()


def groups(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text())["groups"]
    return found


def alerts() -> list[dict[str, Any]]:
    return [
        rule
        for path in sorted(RULES.glob("*.yml"))
        for group in groups(path)
        for rule in group["rules"]
        if "alert" in rule
    ]


def run(program: str, *arguments: object) -> str:
    command = [str(tool(program)), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_the_files_are_those_that_python_makes() -> None:
    for path, text in files().items():
        assert path.read_text() == text, "run: python -m compose.prometheus"


def test_kubernetes_gets_the_same_rules() -> None:
    resource = yaml.safe_load(KUBERNETES.read_text())

    assert resource["spec"]["groups"] == [
        *groups(RULES / "slo.yml"),
        *groups(RULES / "alerts.yml"),
    ]


def test_promtool_takes_the_rules_and_the_configuration() -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", *sorted(RULES.glob("*.yml")))
    checked = run("promtool", "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")
    assert "SUCCESS" in checked


def test_amtool_takes_the_configuration_of_alertmanager() -> None:
    path = ROOT / "compose" / "alertmanager" / "alertmanager.yml"

    assert "SUCCESS" in run("amtool", "check-config", path)
    for severity in ("page", "ticket"):
        routed = run(
            *("amtool", "config", "routes", "test", f"--config.file={path}"),
            f"severity={severity}",
        )
        assert routed.splitlines()[0] == severity


@pytest.mark.parametrize("tests", ["alerts.yml", "slo.yml"])
def test_alerts_fire_when_they_should_and_only_then(tests: str) -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", PROMETHEUS / "tests" / tests)


@pytest.mark.parametrize("alert", sorted({rule["alert"] for rule in alerts()}))
def test_every_alert_has_a_test_of_both(alert: str) -> None:
    cases = [
        case
        for path in (PROMETHEUS / "tests").glob("*.yml")
        for case in yaml.safe_load(path.read_text())["tests"]
        if case["name"].startswith(f"{alert} ")
    ]

    fires = [case for case in cases if case["name"].startswith(f"{alert} fires: ")]
    quiet = [case for case in cases if case["name"].startswith(f"{alert} stays quiet: ")]
    assert all(case["promql_expr_test"][0]["exp_samples"] for case in fires)
    assert not any(case["promql_expr_test"][0]["exp_samples"] for case in quiet)
    assert fires
    assert quiet


@pytest.mark.parametrize(
    "rule", alerts(), ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}"
)
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]

    assert rule["labels"]["severity"] in ("page", "ticket")
    assert notes["summary"].endswith(".")
    assert notes["description"]
    page, _, anchor = notes["runbook_url"].partition("#")
    assert page == "docs/runbooks.md"
    paragraph = RUNBOOKS.partition(f"\n### {rule['alert']}\n")[2].partition("\n### ")[0].strip()
    assert anchor == rule["alert"].lower()
    assert len(paragraph.split()) > 20, f"{rule['alert']} has no paragraph"


def test_every_paragraph_of_the_runbooks_is_of_an_alert() -> None:
    assert set(re.findall(r"^### (\w+)$", RUNBOOKS, re.MULTILINE)) == {
        rule["alert"] for rule in alerts()
    }


def test_objectives_burn_over_windows_that_are_recorded() -> None:
    used = {window for _, *windows in (*PAGE, *TICKET) for window in windows}

    assert used == set(WINDOWS)
    assert len(OBJECTIVES) == len({objective.name for objective in OBJECTIVES})
