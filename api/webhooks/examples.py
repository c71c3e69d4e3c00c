"""What the API's description shows of webhooks."""

from typing import Any

URL = "https://hooks.example.com/caravan"
JOB_ID = "job_07aqx2c4k8m1n3p5r7t9v0w2y4"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 - nobody's

ENDPOINT: dict[str, Any] = {
    "id": "we_07aqx1b2c3d4e5f6g7h8j9k0m1",
    "object": "webhook.endpoint",
    "url": URL,
    "events": ["job.completed", "job.failed"],
    "description": "Tells the desk",
    "include_result": False,
    "disabled": False,
    "disabled_reason": None,
    "disabled_at": None,
    "failing_since": None,
    "created_at": "2026-11-22T09:00:00.000Z",
    "updated_at": "2026-11-22T09:00:00.000Z",
}

DELIVERY: dict[str, Any] = {
    "id": "whd_2f9c1d7e5b8a4c3d9e0f1a2b3c4d5e6f",
    "object": "webhook.delivery",
    "event_id": "evt_7c4a8d09ca3762af61e59520943dc264",
    "type": "job.completed",
    "status": "succeeded",
    "url": URL,
    "job_id": JOB_ID,
    "batch_id": None,
    "endpoint_id": None,
    "created_at": "2026-11-22T10:00:00.123Z",
    "next_attempt_at": None,
    "completed_at": "2026-11-22T10:00:05.350Z",
    "error": None,
    "attempt_count": 2,
    "attempts": [
        {
            "number": 1,
            "at": "2026-11-22T10:00:00.130Z",
            "status_code": 503,
            "duration_ms": 41,
            "answer": "busy",
            "error": None,
        },
        {
            "number": 2,
            "at": "2026-11-22T10:00:05.310Z",
            "status_code": 200,
            "duration_ms": 38,
            "answer": "handled",
            "error": None,
        },
    ],
}

JOB_EVENT: dict[str, Any] = {
    "type": "job.completed",
    "timestamp": "2026-11-22T10:00:00.123Z",
    "data": {
        "id": JOB_ID,
        "object": "job",
        "kind": "generate",
        "status": "completed",
        "created_at": "2026-11-22T09:59:58.001Z",
        "started_at": "2026-11-22T09:59:58.010Z",
        "completed_at": "2026-11-22T10:00:00.120Z",
        "error": None,
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 50,
            "total_tokens": 62,
            "cost_usd": 0.0,
        },
        "urls": {"self": f"/jobs/{JOB_ID}", "result": f"/jobs/{JOB_ID}/result"},
        "metadata": {},
    },
}
