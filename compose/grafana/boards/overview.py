"""Whether the service is well: rate, errors, latency, objectives, and what it runs on."""

from compose.grafana.panel import Board, Query, graph, number, percentiles, rate

ENDED = "llama_requests_total"
COUNTED = 'status=~"completed|failed|expired"'
BAD = 'status=~"failed|expired"'

BOARD = Board(
    "caravan-overview",
    "Caravan: overview",
    "Rate, errors, latency and objectives of the whole service.",
    (
        number(
            "Requests",
            "reqps",
            "Jobs that end per second, however they end.",
            Query(rate(ENDED), "ended"),
        ),
        number(
            "Failed or expired",
            "percentunit",
            "Share of the jobs that ended without an answer; cancelled ones are not counted.",
            Query(
                f"({rate(ENDED, labels=BAD)} or vector(0)) / {rate(ENDED, labels=COUNTED)}", "bad"
            ),
            red=0.05,
        ),
        number(
            "Ready workers",
            "short",
            "Inference workers that take jobs.",
            Query("max(llama_ready_workers{@})", "ready"),
            red=1,
            low_is_red=True,
        ),
        number(
            "Waiting jobs",
            "short",
            "In all four queues.",
            Query("sum(llama_queue_depth{@})", "waiting"),
        ),
        number(
            "Running jobs",
            "short",
            "Jobs under a lease.",
            Query("max(llama_running_jobs{@})", "running"),
        ),
        number(
            "Redis",
            "bool_on_off",
            "Whether Redis answered the last scrape.",
            Query("max(llama_redis_up{@})", "up"),
            red=1,
            low_is_red=True,
        ),
        graph(
            "Request rate",
            "reqps",
            "Jobs that ended, by how.",
            Query(rate(ENDED, "status"), "{{status}}"),
            stacked=True,
        ),
        graph(
            "Accepted",
            "reqps",
            "Jobs written down by the gateways, by mode.",
            Query(rate("llama_jobs_accepted_total", "mode"), "{{mode}}"),
            stacked=True,
        ),
        graph(
            "Errors",
            "reqps",
            "Jobs that failed or expired, by error code.",
            Query(rate("llama_job_errors_total", "code"), "{{code}}"),
            stacked=True,
        ),
        graph(
            "Refusals",
            "reqps",
            "HTTP requests answered with an error, by its code.",
            Query(rate("llama_problems_total", "code"), "{{code}}"),
            stacked=True,
        ),
        graph(
            "Job latency",
            "s",
            "Completed jobs from accepted to final, waiting included.",
            *percentiles("llama_request_duration_seconds"),
        ),
        graph(
            "First token",
            "s",
            "From accepted to the first token: what a reader waits for.",
            *percentiles("llama_request_first_token_seconds"),
        ),
        graph(
            "Processing time",
            "s",
            "Completed jobs from their first claim to final.",
            *percentiles("llama_processing_duration_seconds"),
        ),
        graph(
            "HTTP latency",
            "s",
            "95th percentile by route; long polls and streams are as long as they are meant to be.",
            percentiles("llama_http_request_duration_seconds", "route")[1],
        ),
        graph(
            "HTTP status",
            "reqps",
            "Answers of the gateways by status.",
            Query(rate("llama_http_request_duration_seconds_count", "status"), "{{status}}"),
            stacked=True,
        ),
        graph(
            "Error budget burn",
            "short",
            "How many times faster than allowed each objective loses its budget, over an hour: "
            "1 uses it up in exactly 30 days, 14.4 pages.",
            Query("slo:burn:rate1h", "{{slo}} {{priority}}"),
            red=14.4,
        ),
        graph(
            "Requests in flight",
            "short",
            "HTTP requests, open event streams and long polls.",
            Query("sum(llama_inflight_requests{@})", "requests"),
            Query("sum(llama_open_streams{@})", "streams"),
            Query("sum(llama_long_polls{@})", "long polls"),
        ),
        graph(
            "CPU",
            "short",
            "Cores that each process uses.",
            Query("sum by (job) (rate(process_cpu_seconds_total{@}[$__rate_interval]))", "{{job}}"),
        ),
        graph(
            "Resident memory",
            "bytes",
            "Of each process.",
            Query(
                "sum by (job, instance) (process_resident_memory_bytes{@})", "{{job}} {{instance}}"
            ),
        ),
        graph(
            "Redis round trips",
            "s",
            "Calls of the scripts by all processes.",
            *percentiles("llama_redis_call_duration_seconds"),
        ),
        graph(
            "Redis memory",
            "bytes",
            "Used, and the limit from 80 % of which new jobs are refused (0: none).",
            Query("max(llama_redis_memory_used_bytes{@})", "used"),
            Query("max(llama_redis_memory_max_bytes{@})", "limit"),
        ),
        graph(
            "Free disk",
            "percentunit",
            "Where STATE_DIR of each process is.",
            Query(
                "min by (job) (llama_state_disk_free_bytes{@} / llama_state_disk_size_bytes{@})",
                "{{job}}",
            ),
        ),
        graph(
            "Versions",
            "short",
            "Processes by version: two while a release rolls out.",
            Query("count by (version, job) (llama_build_info{@})", "{{job}} {{version}}"),
            stacked=True,
        ),
    ),
)
