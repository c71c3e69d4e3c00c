"""Every panel and every rule, asked of a real Prometheus that scrapes the running stack."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from math import isnan
from typing import Any

import httpx
import pytest
import yaml

from cli.ports import any_free
from compose.grafana.__main__ import DASHBOARDS
from compose.prometheus.__main__ import RULES
from compose.prometheus.slo import OBJECTIVES
from tests.support.alertmanager import Alertmanager
from tests.support.processes import Process
from tests.support.prometheus import Prometheus
from tests.support.stack import ROOT, Stack
from tests.support.traffic import PRIORITIES, SETTINGS, Traffic
from tests.support.waiting import wait_until

FLOWER_PASSWORD = "a-password-of-this-test"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}
TARGETS = [
    pytest.param(target["expr"], id=f"{uid}: {panel['title']} {target['refId']}")
    for uid, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel["targets"]
]
ALERTS = [
    rule
    for path in sorted(RULES.glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
#: An answer that the gateway is never to give: other statuses must do.
NEVER_HAPPENS = ('status="500"', 'status="422"')
#: A metric with its labels.
SELECTOR = re.compile(r"(?:\b(?:llama_|process_|slo:)[\w:]+|\bup\b)(?:\{[^}]*\})?")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has watched the stack while everything happened to it."""
    directory = tmp_path_factory.mktemp("observed")
    # No machine of the tests has a GPU: the worker sees two by a stand-in for NVML.
    python_path = f"{ROOT / 'tests' / 'support' / 'fake_nvml'}:{ROOT}"
    files = {"ECHO_FAIL_FILE": str(directory / "fail"), "PYTHONPATH": python_path}
    stack = Stack(directory, **{**SETTINGS, **files})
    ports = {role: any_free() for role in ("webhooks", "maintenance", "flower")}
    with ExitStack() as cleaning:
        cleaning.callback(stack.stop)
        stack.valkey.start()
        stack.start_gateway()
        stack.start_worker()
        stack.start_maintenance(METRICS_PORT=str(ports["maintenance"]))
        stack.start_webhooks(METRICS_PORT=str(ports["webhooks"]))
        cleaning.callback(_flower(stack, ports["flower"]).stop)
        stack.wait_until_ready()
        ports |= {"gateway": stack.api_port, "inference": stack.metrics_port}
        alertmanager = Alertmanager(directory)
        cleaning.callback(alertmanager.stop)
        alertmanager.start()
        targets = {role: f"127.0.0.1:{port}" for role, port in ports.items()}
        prometheus = Prometheus(directory, targets, FLOWER_PASSWORD, alertmanager)
        cleaning.callback(prometheus.stop)
        prometheus.start()
        with closing(Traffic(stack)) as traffic:
            traffic.run()
        wait_until(lambda: _has_seen_it_all(prometheus), what="the last scrape")
        yield prometheus


def _flower(stack: Stack, port: int) -> Process:
    env = {**stack.env, "FLOWER_PORT": str(port), "FLOWER_PASSWORD": FLOWER_PASSWORD}
    command = [sys.executable, "-m", "cli", "flower"]
    return Process("flower", command, stack.directory / "flower.log", env)


def _has_seen_it_all(prometheus: Prometheus) -> bool:
    """The last thing that happens is that a killed worker's job is taken back and ended."""
    late = ("llama_rescues_total", "llama_attempts_total", "slo:burn:rate1h")
    return all(map(prometheus.query, late))


@pytest.mark.parametrize("expr", TARGETS)
def test_every_panel_shows_something(prometheus: Prometheus, expr: str) -> None:
    for variable, value in (("$__rate_interval", "2m"), ("$job", ".+"), ("$instance", ".+")):
        expr = expr.replace(variable, value)

    assert prometheus.query(expr), expr


@pytest.mark.parametrize(
    "rule", ALERTS, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}"
)
def test_every_alert_watches_series_that_exist(
    prometheus: Prometheus, rule: dict[str, Any]
) -> None:
    selectors = SELECTOR.findall(rule["expr"].replace(*NEVER_HAPPENS))

    assert selectors
    assert [it for it in selectors if not prometheus.query(f"present_over_time({it}[5m])")] == []


def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    def evaluated() -> bool:
        return all(rule["health"] != "unknown" for rule in prometheus.rules())

    wait_until(evaluated, what="an evaluation of every rule")
    assert {
        rule["name"]: rule.get("lastError") for rule in prometheus.rules() if rule["health"] != "ok"
    } == {}


def test_what_happened_is_what_is_counted(prometheus: Prometheus) -> None:
    # Given what the traffic did, in numbers that it knows
    assert prometheus.value('sum(llama_auth_failures_total{reason="login"})') == 3
    assert prometheus.value('sum(llama_job_errors_total{code="timeout"})') == 3
    assert prometheus.value('sum(llama_webhook_deliveries_total{outcome="succeeded"})') == 1
    # Then each job is counted once, though several processes could tell of it
    wait_until(
        lambda: (
            prometheus.value("sum(llama_requests_total)")
            == prometheus.value("sum(llama_jobs_accepted_total)")
        ),
        what="as many ends as jobs",
    )


def test_every_objective_is_measured(prometheus: Prometheus) -> None:
    measured = prometheus.query("slo:errors:ratio_rate5m")

    assert {series["metric"]["slo"] for series in measured} == {it.name for it in OBJECTIVES}
    starts = {s["metric"]["priority"] for s in measured if s["metric"]["slo"] == "start"}
    assert starts == set(PRIORITIES)
    ratios = [float(series["value"][1]) for series in measured]
    assert all(0 <= ratio <= 1 or isnan(ratio) for ratio in ratios), ratios  # nan: no event
    assert not all(map(isnan, ratios))


def test_an_alert_reaches_whom_it_is_for(prometheus: Prometheus) -> None:
    """The traffic tries more injections than anybody does by accident."""
    (alert,) = wait_until(lambda: prometheus.alertmanager.alerts("GuardBlocks"), what="the alert")

    assert alert["labels"]["severity"] == "ticket"
    assert [receiver["name"] for receiver in alert["receivers"]] == ["ticket"]
    assert alert["annotations"]["runbook_url"] == "docs/runbooks.md#guardblocks"


def test_flower_is_scraped_with_its_password_and_not_without(prometheus: Prometheus) -> None:
    (flower,) = [t for t in prometheus.targets() if t["labels"]["job"] == "flower"]

    assert flower["health"] == "up"
    assert prometheus.query("flower_events_total")
    assert httpx.get(flower["scrapeUrl"], trust_env=False).status_code == 401
