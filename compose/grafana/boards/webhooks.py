"""Whether callers are called back."""

from compose.grafana.panel import Board, Query, graph, number, percentiles, rate

ATTEMPTS = "llama_webhook_attempts_total"
GOOD = 'outcome="succeeded"'
FAILED = 'outcome="failed"'

BOARD = Board(
    "caravan-webhooks",
    "Caravan: webhooks",
    "Deliveries, attempts, delay and backlog.",
    (
        number(
            "Backlog",
            "short",
            "Deliveries that have not ended, those that wait for a retry included.",
            Query("max(llama_webhook_backlog{@})", "backlog"),
        ),
        number(
            "Overdue",
            "s",
            "How long the most overdue delivery has waited to be sent.",
            Query("max(llama_webhook_overdue_seconds{@})", "overdue"),
            red=60,
        ),
        number(
            "Attempts that fail",
            "percentunit",
            "Of all attempts.",
            Query(
                f"1 - ({rate(ATTEMPTS, labels=GOOD)} or vector(0)) / {rate(ATTEMPTS)}",
                "failed",
            ),
            red=0.5,
        ),
        number(
            "Given up",
            "ops",
            "Deliveries that failed for good.",
            Query(
                f"{rate('llama_webhook_deliveries_total', labels=FAILED)} or vector(0)", "failed"
            ),
        ),
        number(
            "Sending",
            "short",
            "Attempts being made.",
            Query("sum(llama_webhook_sending{@})", "sending"),
        ),
        number(
            "Workers",
            "short",
            "Webhook workers that beat within the last 15 s.",
            Query('sum(llama_workers{role="webhooks", @})', "workers"),
            red=1,
            low_is_red=True,
        ),
        graph(
            "Attempts",
            "ops",
            "By outcome: retry means that there will be another, gone that the receiver said 410.",
            Query(rate(ATTEMPTS, "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        graph(
            "Events",
            "ops",
            "Attempts by event.",
            Query(rate(ATTEMPTS, "event"), "{{event}}"),
            stacked=True,
        ),
        graph(
            "Delay",
            "s",
            "From an event to its successful delivery.",
            *percentiles("llama_webhook_delay_seconds"),
        ),
        graph(
            "Time of an attempt",
            "s",
            "How long receivers take.",
            *percentiles("llama_webhook_attempt_seconds"),
        ),
        graph(
            "Deliveries",
            "ops",
            "Those that ended, by outcome.",
            Query(rate("llama_webhook_deliveries_total", "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        graph(
            "Backlog",
            "short",
            "Deliveries that have not ended.",
            Query("max(llama_webhook_backlog{@})", "backlog"),
        ),
        graph(
            "Overdue",
            "s",
            "How long the most overdue delivery has waited to be sent.",
            Query("max(llama_webhook_overdue_seconds{@})", "overdue"),
            red=60,
        ),
        graph(
            "Endpoints disabled",
            "short",
            "Endpoints that were disabled because they only failed.",
            Query(
                "sum(increase(llama_webhook_endpoints_disabled_total{@}[$__rate_interval]))",
                "disabled",
            ),
        ),
    ),
)
