"""What came too late, or was refused because it would have."""

from compose.grafana.panel import Board, Query, graph, number, rate

ERRORS = "llama_job_errors_total"
ENDED = "llama_requests_total"
LATE = 'code=~"timeout|deadline|queue_ttl"'
LE = 'le="51.2"'
SHED = 'code=~"queue-full|deadline-unmeetable|store-full|too-many-jobs"'

BOARD = Board(
    "caravan-timeouts",
    "Caravan: timeouts and expiries",
    "Jobs that ran too long, waited too long or missed their own deadline, and requests shed.",
    (
        number(
            "Too late",
            "percentunit",
            "Share of the ended jobs that timed out or expired.",
            Query(f"({rate(ERRORS, labels=LATE)} or vector(0)) / {rate(ENDED)}", "too late"),
            red=0.05,
        ),
        number(
            "Expired",
            "reqps",
            "Jobs that waited too long or missed their own deadline.",
            Query(rate(ENDED, labels='status="expired"'), "expired"),
        ),
        number(
            "Timed out",
            "reqps",
            "Jobs that ran longer than their timeout.",
            Query(rate(ERRORS, labels='code="timeout"'), "timed out"),
        ),
        number(
            "Cancelled",
            "reqps",
            "Jobs that somebody cancelled, or whose client left.",
            Query(rate(ENDED, labels='status="cancelled"'), "cancelled"),
        ),
        number(
            "Shed",
            "reqps",
            "Requests refused because they could not have been served in time.",
            Query(f"{rate('llama_problems_total', labels=SHED)} or vector(0)", "shed"),
        ),
        number(
            "Given up",
            "short",
            "Dead letters: jobs that were tried and rescued too often.",
            Query("max(llama_dead_letters{@})", "dead"),
            red=1,
        ),
        graph(
            "Too late, by reason",
            "reqps",
            "timeout: ran too long; deadline: its own; queue_ttl: waited too long.",
            Query(rate(ERRORS, "code", LATE), "{{code}}"),
            stacked=True,
        ),
        graph(
            "Expired, by priority",
            "reqps",
            "Jobs that expired.",
            Query(rate(ENDED, "priority", 'status="expired"'), "{{priority}}"),
            stacked=True,
        ),
        graph(
            "Expired, by mode",
            "reqps",
            "Jobs that expired.",
            Query(rate(ENDED, "mode", 'status="expired"'), "{{mode}}"),
            stacked=True,
        ),
        graph(
            "Near the timeout",
            "percentunit",
            "Share of the completed jobs that took longer than 51 s; REQUEST_TIMEOUT is 60 s.",
            Query(
                f"1 - {rate('llama_processing_duration_seconds_bucket', labels=LE)}"
                f" / {rate('llama_processing_duration_seconds_count')}",
                "over 51 s",
            ),
        ),
        graph(
            "Shed, by reason",
            "reqps",
            "Requests refused with a Retry-After.",
            Query(rate("llama_problems_total", "code", SHED), "{{code}}"),
            stacked=True,
        ),
        graph(
            "Cancelled, by priority",
            "reqps",
            "Jobs that somebody cancelled, or whose client left.",
            Query(rate(ENDED, "priority", 'status="cancelled"'), "{{priority}}"),
            stacked=True,
        ),
    ),
)
