"""The objectives of the service, and the recording and alerting rules that follow from them.

Multi-window, multi-burn-rate alerts after the SRE workbook, chapter 5: a page where 2 % of a
month's error budget went in an hour or 5 % in six, a ticket where 10 % went in three days.
https://sre.google/workbook/alerting-on-slos/
"""

from dataclasses import dataclass
from typing import Any

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "24h", "3d")
#: (burn rate, long window, short window)
PAGE = ((14.4, "1h", "5m"), (6, "6h", "30m"))
TICKET = ((3, "24h", "2h"), (1, "3d", "6h"))
#: With fewer events an hour, one failure would be a page.
FEWEST_EVENTS = 20
RUNBOOK = "docs/runbooks.md"

Rule = dict[str, Any]

#: By priority, how soon an accepted job is to start, in seconds: bounds of the histogram.
START_SECONDS = {"urgent": "3.2", "high": "12.8", "normal": "51.2", "low": "819.2"}


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of events that must be good; ``good`` and ``total`` are rates over ``WINDOW``."""

    name: str
    alert: str
    target: float
    good: str
    total: str
    promise: str


def _starts() -> str:
    bucket = "rate(llama_queue_wait_seconds_bucket"
    return "\nor ".join(
        f'sum by (priority) ({bucket}{{priority="{priority}", le="{seconds}"}}[WINDOW]))'
        for priority, seconds in START_SECONDS.items()
    )


OBJECTIVES = (
    Objective(
        "start",
        "JobsStartLate",
        0.99,
        _starts(),
        "sum by (priority) (rate(llama_queue_wait_seconds_count[WINDOW]))",
        "99 % of the accepted jobs start in time: urgent 3.2 s, high 12.8 s, normal 51.2 s, "
        "low 819.2 s",
    ),
    Objective(
        "success",
        "JobsFail",
        0.99,
        'sum(rate(llama_requests_total{status="completed"}[WINDOW]))',
        'sum(rate(llama_requests_total{status=~"completed|failed|expired"}[WINDOW]))',
        "99 % of the jobs that nobody cancels complete",
    ),
    Objective(
        "first_token",
        "FirstTokenLate",
        0.95,
        'sum(rate(llama_time_to_first_token_seconds_bucket{le="2.5"}[WINDOW]))',
        "sum(rate(llama_time_to_first_token_seconds_count[WINDOW]))",
        "95 % of the generations make their first token within 2.5 s",
    ),
    Objective(
        "webhook",
        "WebhooksLate",
        0.95,
        'sum(rate(llama_webhook_delay_seconds_bucket{le="30.0"}[WINDOW]))',
        "sum(rate(llama_webhook_delay_seconds_count[WINDOW]))",
        "95 % of the webhooks that arrive do so within 30 s of their event",
    ),
)


def groups() -> list[Rule]:
    """Rule groups, as Prometheus reads them: first what is recorded, then what is alerted."""
    return [
        {
            "name": "slo-recording",
            "interval": "30s",
            "rules": [rule for objective in OBJECTIVES for rule in _recorded(objective)],
        },
        {
            "name": "slo-alerts",
            "rules": [
                rule
                for objective in OBJECTIVES
                for rule in (
                    _alert(objective, "page", PAGE, "2m"),
                    _alert(objective, "ticket", TICKET, "15m"),
                )
            ],
        },
    ]


def _recorded(objective: Objective) -> list[Rule]:
    labels = {"slo": objective.name}
    ratios = [
        {
            "record": f"slo:errors:ratio_rate{window}",
            "expr": f"1 - (\n{_over(objective.good, window)}\n) / {_over(objective.total, window)}",
            "labels": labels,
        }
        for window in WINDOWS
    ]
    budget = round(1 - objective.target, 6)
    burn = f'slo:errors:ratio_rate1h{{slo="{objective.name}"}} / {budget}'
    events = f"{_over(objective.total, '1h')} * 3600"
    return [
        *ratios,
        {"record": "slo:burn:rate1h", "expr": burn, "labels": labels},
        {"record": "slo:events:increase1h", "expr": events, "labels": labels},
    ]


def _over(expr: str, window: str) -> str:
    return expr.replace("WINDOW", window)


def _alert(
    objective: Objective, severity: str, burns: tuple[tuple[float, str, str], ...], patience: str
) -> Rule:
    budget = round(1 - objective.target, 6)
    chosen = f'{{slo="{objective.name}"}}'
    either = "\nor\n".join(
        f"(slo:errors:ratio_rate{long}{chosen} > {factor} * {budget}"
        f" and slo:errors:ratio_rate{short}{chosen} > {factor} * {budget})"
        for factor, long, short in burns
    )
    busy = f"slo:events:increase1h{chosen} > {FEWEST_EVENTS}"
    which = "{{ with $labels.priority }} ({{ . }}){{ end }}"
    return {
        "alert": objective.alert,
        "expr": f"(\n{either}\n)\nand {busy}",
        "for": patience,
        "labels": {"severity": severity, "slo": objective.name},
        "annotations": {
            "summary": f"The promise is at risk: {objective.promise}.",
            "description": (
                f"{{{{ $value | humanizePercentage }}}} miss it{which}: the error budget of a "
                f"month goes {'within days' if severity == 'page' else 'before the month ends'}."
            ),
            "runbook_url": f"{RUNBOOK}#{objective.alert.lower()}",
        },
    }
