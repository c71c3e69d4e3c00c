"""Answers as the documentation shows them; a test holds each against its schema."""

from typing import Any

from pydantic import ConfigDict


def shown(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a model whose schema shows this example."""
    return ConfigDict(json_schema_extra={"examples": [example]})


_MODEL_INFO = {
    "model_name": "llama-2-7b-explanations",
    "quantization": "Q4_K_M",
    "gpu_layers": 35,
    "context_size": 4096,
}

EXPLANATION: dict[str, Any] = {
    "explanation": "The positive sentiment analysis for AAPL reflects strong market confidence.",
    "tokens_used": 87,
    "processing_time_ms": 1950,
    "model_info": _MODEL_INFO,
    "confidence_score": 0.89,
}

_ID = "job_361nv4p1xc5esrgwp5p9pvw2sm"

JOB: dict[str, Any] = {
    "id": _ID,
    "object": "job",
    "kind": "explain",
    "status": "completed",
    "priority": "normal",
    "created_at": "2026-11-22T10:00:00.123Z",
    "started_at": "2026-11-22T10:00:00.131Z",
    "completed_at": "2026-11-22T10:00:02.081Z",
    "expires_at": "2026-11-23T10:00:02.081Z",
    "attempts": 1,
    "queue": None,
    "result": {**EXPLANATION, "finish_reason": "stop"},
    "error": None,
    "usage": {
        "prompt_tokens": 92,
        "completion_tokens": 87,
        "total_tokens": 179,
        "cached_tokens": 0,
        "cost_usd": 0.000358,
    },
    "urls": {"self": f"/jobs/{_ID}", "events": f"/jobs/{_ID}/events", "cancel": f"/jobs/{_ID}"},
    "metadata": {"desk": "equities"},
}

HEALTH: dict[str, Any] = {
    "status": "healthy",
    "version": "1.0.0",
    "checks": {
        "redis": {"ok": True, "detail": "Redis answers."},
        "workers": {"ok": True, "detail": "2 of 2 workers ready."},
        "model": {"ok": True, "detail": "llama-2-7b-explanations is loaded."},
        "queue": {"ok": True, "detail": "4 of 100 places taken, 6 jobs running."},
    },
}

MODEL: dict[str, Any] = {
    **_MODEL_INFO,
    "engine": "llamacpp",
    "parameters": 6738415616,
    "artifact_bytes": 4081004224,
    "memory_bytes": 4592763904,
    "loaded_at": "2026-11-22T09:00:00+00:00",
    "tokens_per_second": 24.1,
    "requests": 1204,
    "manifest": None,
    "worker_id": "gpu-1:4711",
    "device": "cuda:0",
    "slots": 3,
    "details": {},
    "settings": {"n_ctx": 4096, "n_gpu_layers": 35},
}

PROBLEM: dict[str, Any] = {
    "type": "urn:caravan:problem:invalid-request",
    "title": "The request has invalid fields",
    "status": 422,
    "detail": "max_tokens must be at most 4096.",
    "instance": "/generate",
    "request_id": "req_b8f1c0a2",
    "error": {
        "message": "max_tokens must be at most 4096.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "invalid-request",
    },
    "errors": [
        {
            "field": "max_tokens",
            "limit": "1..4096 tokens",
            "value": 5000,
            "message": "must be at most 4096",
        }
    ],
}
