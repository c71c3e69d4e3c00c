"""The body of a webhook: a pure function of its delivery, so the same in every attempt."""

import json
from datetime import UTC, datetime
from typing import Any

from common.job import JobKind
from common.webhooks import Delivery, Format

#: A larger body is sent without the result; receivers may refuse more than this.
LARGEST_BODY_BYTES = 20_000

_NANO = 1_000_000_000


def render(delivery: Delivery, base_url: str = "") -> bytes:
    """The bytes to send. ``base_url`` is put before the paths in ``data.urls``."""
    if delivery.format is Format.OPENAI:
        return _encode(_openai(delivery))
    if not delivery.event.startswith("job."):
        data = {"id": delivery.subject, **delivery.facts}
        return _encode(_event(delivery, data))
    data = _job(delivery, base_url)
    body = _encode(_event(delivery, data))
    if len(body) > LARGEST_BODY_BYTES and data.get("result"):
        body = _encode(_event(delivery, {**data, "result": None, "result_omitted": True}))
    return body


def _event(delivery: Delivery, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": delivery.event, "timestamp": _iso(delivery.created_ms), "data": data}


def _openai(delivery: Delivery) -> dict[str, Any]:
    """As OpenAI sends it; ``timestamp`` makes it a Standard Webhook, too."""
    return {
        "id": delivery.event_id,
        "object": "event",
        "created_at": delivery.created_ms // 1000,
        "type": delivery.event,
        "timestamp": _iso(delivery.created_ms),
        "data": {"id": delivery.subject},
    }


def _job(delivery: Delivery, base_url: str) -> dict[str, Any]:
    facts, job_id = delivery.facts, delivery.subject
    data: dict[str, Any] = {
        "id": job_id,
        "object": "job",
        "kind": facts.get("kind"),
        "status": facts.get("status"),
        "created_at": _iso(_number(facts, "created_ms")),
        "started_at": _iso(_number(facts, "started_ms")),
        "completed_at": _iso(_number(facts, "completed_ms")),
        "error": _error(facts),
        "usage": _usage(facts),
        "urls": {"self": f"{base_url}/jobs/{job_id}", "result": f"{base_url}/jobs/{job_id}/result"},
        "metadata": json.loads(facts.get("metadata") or "{}"),
    }
    if delivery.include_result and facts.get("finish_reason"):
        data["result"] = _result(facts)
        data["result_omitted"] = "text" not in facts
    return data


def _error(facts: dict[str, Any]) -> dict[str, str] | None:
    if not facts.get("error_code"):
        return None
    return {"code": facts["error_code"], "message": facts.get("error_message", "")}


def _usage(facts: dict[str, Any]) -> dict[str, Any]:
    prompt, completion = _number(facts, "prompt_tokens"), _number(facts, "tokens")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost_usd": _number(facts, "cost_nano") / _NANO,
    }


def _result(facts: dict[str, Any]) -> dict[str, Any] | None:
    if "text" not in facts:
        return None
    name = "explanation" if facts.get("kind") == JobKind.EXPLAIN else "text"
    started, completed = _number(facts, "started_ms"), _number(facts, "completed_ms")
    return {
        name: facts["text"],
        "finish_reason": facts["finish_reason"],
        "tokens_used": _number(facts, "tokens"),
        "processing_time_ms": completed - started if started and completed else None,
    }


def _number(facts: dict[str, Any], name: str) -> int:
    return int(facts.get(name) or 0)


def _iso(ms: int) -> str | None:
    """As the gateway writes times; None is never."""
    if not ms:
        return None
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
