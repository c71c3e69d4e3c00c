"""Who waits, how long, and whether it was foretold."""

from compose.grafana.panel import Board, Query, graph, number, percentiles, rate

BOARD = Board(
    "caravan-queues",
    "Caravan: queues",
    "Depth, waiting time, error of the ETA, and age, by priority.",
    (
        number(
            "Waiting", "short", "All four queues.", Query("sum(llama_queue_depth{@})", "waiting")
        ),
        number(
            "Oldest",
            "s",
            "The job that has waited longest, of any priority.",
            Query("max(llama_queue_oldest_age_seconds{@})", "oldest"),
        ),
        number(
            "Backlog",
            "s",
            "How long until a low job that was submitted now would start.",
            Query("max(llama_queue_eta_seconds{@})", "backlog"),
        ),
        number(
            "Batch lines",
            "short",
            "Lines of batches that are not in the queue yet.",
            Query("max(llama_batch_backlog{@})", "lines"),
        ),
        number(
            "Dead letters",
            "short",
            "Jobs that were given up and neither redriven nor purged.",
            Query("max(llama_dead_letters{@})", "dead"),
            red=1,
        ),
        number(
            "Workers",
            "short",
            "Inference workers that beat within the last 15 s.",
            Query('sum(llama_workers{role="inference", @})', "workers"),
            red=1,
            low_is_red=True,
        ),
        graph(
            "Depth",
            "short",
            "Waiting jobs by priority; KEDA scales on these.",
            Query("max by (priority) (llama_queue_depth{@})", "{{priority}}"),
            stacked=True,
        ),
        graph(
            "Age of the oldest",
            "s",
            "How long the oldest waiting job of each priority has waited.",
            Query("max by (priority) (llama_queue_oldest_age_seconds{@})", "{{priority}}"),
        ),
        graph(
            "Wait, 95th percentile",
            "s",
            "From entering the queue to the first claim, by priority.",
            percentiles("llama_queue_wait_seconds", "priority")[1],
        ),
        graph(
            "Wait, median",
            "s",
            "From entering the queue to the first claim, by priority.",
            percentiles("llama_queue_wait_seconds", "priority")[0],
        ),
        graph(
            "Error of the ETA",
            "s",
            "Between the wait that was foretold at submit and the real one.",
            *percentiles("llama_queue_eta_error_seconds"),
        ),
        graph(
            "ETA",
            "s",
            "How long a job of each priority that was submitted now would wait.",
            Query("max by (priority) (llama_queue_eta_seconds{@})", "{{priority}}"),
        ),
        graph(
            "In and out",
            "reqps",
            "Jobs accepted and jobs ended: when the first stays above the second, the queue grows.",
            Query(rate("llama_jobs_accepted_total"), "accepted"),
            Query(rate("llama_requests_total"), "ended"),
        ),
        graph(
            "Jobs by priority",
            "reqps",
            "Jobs that ended, by priority.",
            Query(rate("llama_requests_total", "priority"), "{{priority}}"),
            stacked=True,
        ),
        graph(
            "Attempts",
            "ops",
            "How attempts end: completed, released to somebody else, lost to a cancel or a rescue.",
            Query(rate("llama_attempts_total", "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        graph(
            "Repairs",
            "ops",
            "Jobs taken back from dead workers, and bells rung again for jobs nobody claimed.",
            Query(f"{rate('llama_rescues_total')} or vector(0)", "rescues"),
            Query(f"{rate('llama_rerings_total')} or vector(0)", "bells rung again"),
            Query(rate("llama_lease_losses_total"), "leases lost"),
        ),
        graph(
            "Oldest batch line",
            "s",
            "How long the oldest line that is not in the queue yet has waited.",
            Query("max(llama_batch_oldest_age_seconds{@})", "oldest"),
        ),
        graph(
            "Workers",
            "short",
            "By role and state.",
            Query("max by (role, state) (llama_workers{@})", "{{role}} {{state}}"),
            stacked=True,
        ),
    ),
)
