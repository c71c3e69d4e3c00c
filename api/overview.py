"""The whole service at a glance, as /status and /admin/stats show it."""

from typing import Any

from api.cluster import ClusterState, Worker
from api.metrics import service_version


def overview(cluster: ClusterState) -> dict[str, Any]:
    """Workers, queues and pace."""
    mean_ms = cluster.pace.mean_ms
    return {
        "status": "healthy" if cluster.ready else "degraded",
        "version": service_version(),
        "workers": [_worker(worker) for worker in cluster.workers],
        "queue": {priority.value: count for priority, count in cluster.waiting.items()},
        "running": cluster.running,
        "slots": cluster.pace.slots,
        "mean_job_seconds": mean_ms / 1000 if mean_ms else None,
    }


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "id": worker.id,
        "kind": worker.kind,
        "state": worker.state,
        "error": worker.error or None,
        "breaker": worker.breaker or None,
        "last_command": worker.last_command or None,
        "slots": worker.slots,
        "busy": worker.busy,
        "metrics_port": worker.metrics_port,
        "tokens_per_second": worker.tokens_per_second,
    }
