"""A job as a response: the only view in which a job can be ``incomplete``."""

from typing import Any

from api.v1.pieces import created, finish_reason, model, token_logprobs
from api.v1.text import format_view
from api.v1.tiers import tier_of
from api.views import Snapshot, queue_view
from common.job import Job, JobStatus
from common.prompt import Message, Role

#: OpenAI names three causes; this is the one for whatever went wrong here.
SERVER_ERROR = "server_error"
_NOTHING_YET = {
    "completed_at": None,
    "error": None,
    "incomplete_details": None,
    "output": list[Any](),
    "usage": None,
}


def from_job(job: Job) -> dict[str, Any]:
    """The response that a job is, at any moment of its life."""
    status = status_of(job)
    asked, sampling = job.asked, job.work.sampling
    return {
        "id": job.id,
        "object": "response",
        "created_at": created(job),
        "completed_at": job.completed_ms // 1000 if status == "completed" else None,
        "status": status,
        "background": bool(asked.get("background")),
        "error": _error(job),
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": job.work.prompt.messages[0].content if asked.get("instructed") else None,
        "max_output_tokens": asked.get("max_output_tokens"),
        "max_tool_calls": None,
        "metadata": job.metadata,
        "model": model(job),
        "output": output(job),
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "previous_response_id": None,
        "prompt_cache_key": asked.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": asked.get("safety_identifier"),
        "service_tier": tier_of(job),
        "store": asked.get("store", True),
        "temperature": sampling.temperature,
        "text": {"format": format_view(sampling.response_format)},
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": [],
        "top_logprobs": sampling.logprobs or 0,
        "top_p": sampling.top_p,
        "truncation": "disabled",
        "usage": _usage(job) if job.status.terminal else None,
        "user": asked.get("user"),
    }


def live(snapshot: Snapshot) -> dict[str, Any]:
    """The response as it is now, with its place in the queue while it waits."""
    queue = queue_view(snapshot)
    return {**from_job(snapshot.job), **({"queue": queue} if queue else {})}


def at(job: Job, status: str) -> dict[str, Any]:
    """The response as it was at an earlier moment of its life."""
    return {**from_job(job), **_NOTHING_YET, "status": status}


def status_of(job: Job) -> str:
    """OpenAI's word: what stopped at a limit is incomplete, what expired has failed."""
    if job.status is JobStatus.EXPIRED:
        return "failed"
    if job.status is JobStatus.COMPLETED and finish_reason(job) == "length":
        return "incomplete"
    return job.status.value


def output(job: Job) -> list[dict[str, Any]]:
    """The message of an ended job, if it began one."""
    if not job.status.terminal or (job.status is not JobStatus.COMPLETED and not job.tokens):
        return []
    whole = status_of(job) == "completed"
    return [message_item(job, "completed" if whole else "incomplete", [text_part(job)])]


def message_item(job: Job, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that holds the answer; its id comes from the job's."""
    return {
        "id": item_id(job),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def item_id(job: Job) -> str:
    """The id of the only output item."""
    return f"msg_{job.id.removeprefix('resp_')}"


def text_part(job: Job) -> dict[str, Any]:
    """The text of an ended job."""
    return part(job.text, token_logprobs(job.logprobs or []))


def part(text: str, logprobs: list[dict[str, Any]]) -> dict[str, Any]:
    """The only part of the only item."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def input_items(job: Job) -> list[dict[str, Any]]:
    """What was sent as ``input``, as messages, oldest first."""
    turns = job.work.prompt.messages[1 if job.asked.get("instructed") else 0 :]
    return [_input_item(job, number, turn) for number, turn in enumerate(turns)]


def _input_item(job: Job, number: int, turn: Message) -> dict[str, Any]:
    if turn.role is Role.ASSISTANT:
        content: dict[str, Any] = part(turn.content, [])
    else:
        content = {"type": "input_text", "text": turn.content}
    return {
        "id": f"{item_id(job)}_in{number}",
        "type": "message",
        "role": turn.role.value,
        "status": "completed",
        "content": [content],
    }


def _error(job: Job) -> dict[str, str] | None:
    if status_of(job) != "failed":
        return None
    return {
        "code": SERVER_ERROR,
        "message": job.error.message if job.error else "The job failed.",
    }


def _usage(job: Job) -> dict[str, Any]:
    return {
        "input_tokens": job.prompt_tokens,
        "input_tokens_details": {"cached_tokens": job.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": job.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": job.prompt_tokens + job.tokens,
    }
