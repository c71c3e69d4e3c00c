"""The whole service at a glance, as /status and /admin/stats show it."""

from collections.abc import Sequence
from typing import Any

from api.cluster import ClusterState, Worker
from common.instruments import service_version


def overview(cluster: ClusterState, windows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Workers, their model, queues, pace, and how the last minutes went."""
    mean_ms = cluster.pace.mean_ms
    return {
        "status": "healthy" if cluster.ready else "degraded",
        "version": service_version(),
        "model": _model(cluster),
        "workers": [_worker(worker) for worker in cluster.workers],
        "queue": {priority.value: count for priority, count in cluster.waiting.items()},
        "running": cluster.running,
        "slots": cluster.pace.slots,
        "mean_job_seconds": mean_ms / 1000 if mean_ms else None,
        "windows": list(windows),
    }


def _model(cluster: ClusterState) -> dict[str, Any]:
    info = cluster.ready[0].info if cluster.ready else {}
    names = ("model_name", "quantization", "engine")
    same = [
        worker
        for worker in cluster.ready
        if worker.info.get("model_name") == info.get("model_name")
    ]
    return {**{name: info.get(name) for name in names}, "workers": len(same)}


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
        **{name: worker.info.get(name) for name in ("model_name", "quantization", "engine")},
    }
