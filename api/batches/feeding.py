"""From a line of the file to what the feed script makes a job of."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from api.auth import Principal
from api.batches.batch import Batch, BatchStatus
from api.batches.endpoints import ENDPOINTS
from api.batches.lines import Ask, Line, LineFault, parse_line
from api.counting import PromptCounter
from api.explain.fence import Fence
from api.problems import InvalidRequest, ModelUnavailable, Problem
from api.requests.job import JobRequest
from api.settings import ApiSettings
from api.submission import Origin, Submission, record_fields, tokens_at_most, work_of
from common.job import RECORD_VERSION, Work
from common.prompt import Prompt
from common.sampling import Sampling

DAY_MS = 24 * 3600 * 1000

#: Why a line was never a job, by the status that its batch then has.
SKIPPED = {
    BatchStatus.CANCELLING: ("batch_cancelled", "cancelled"),
    BatchStatus.EXPIRING: ("batch_expired", "failed"),
}


@dataclass(frozen=True, slots=True)
class LineMaker:
    """Knows what every line needs."""

    counter: PromptCounter
    check: Callable[[Submission], Awaitable[None]]  #: raises Problem
    settings: ApiSettings
    fence: Fence

    async def make(self, batch: Batch, line: Line, now_ms: int) -> str:
        """The feed script's JSON for a line. Raises ModelUnavailable."""
        try:
            ask = parse_line(line.text, batch.endpoint)
        except LineFault as fault:
            return self._refused(batch, "", InvalidRequest(str(fault)))
        try:
            return await self._job(batch, ask, now_ms)
        except ModelUnavailable:
            raise
        except Problem as problem:
            return self._refused(batch, ask.custom_id, problem)

    async def _job(self, batch: Batch, ask: Ask, now_ms: int) -> str:
        endpoint = ENDPOINTS[batch.endpoint]
        if ask.body.get("stream"):
            raise InvalidRequest.about("stream", "false", True, "cannot be had in a batch")
        request, prompt = endpoint.read(ask.body, self.fence)
        tokens = await self.counter.count(prompt, endpoint.prompt_field)
        submission = Submission(
            principal=Principal(batch.user, 0),
            kind=batch.kind,
            request=request,
            work=work_of(request, prompt),
            prompt_tokens=tokens,
            origin=Origin(batch.request_id, batch.traceparent),
        )
        await self.check(submission)
        fields = {**record_fields(submission, self.settings), "custom_id": ask.custom_id}
        fields["weight"] = tokens_at_most(submission)
        priority = request.priority if _says_priority(ask) else batch.priority
        return json.dumps(
            {
                "priority": priority.value,
                "fields": _flat(fields),
                **_patience(batch, request, now_ms),
            }
        )

    def _refused(self, batch: Batch, custom_id: str, problem: Problem) -> str:
        """A line that fails at once, by its own fault."""
        answer = {"status_code": problem.status_code, "error": problem.body("", "")["error"]}
        fields = {
            "v": RECORD_VERSION,
            "kind": batch.kind.value,
            "work": Work(Prompt(text=""), Sampling()).to_json(),
            "result_ttl_ms": self.settings.result_ttl_seconds * 1000,
            "request_id": batch.request_id,
            "custom_id": custom_id,
            "refusal": json.dumps(answer),
        }
        return json.dumps(
            {
                "fields": _flat(fields),
                "error_code": problem.code,
                "error_message": str(problem.detail),
            }
        )


def skipped(status: BatchStatus, number: int, line: Line, endpoint: str) -> str:
    """The feed script's JSON for a line that never runs, since its batch was stopped."""
    code, counter = SKIPPED[status]
    try:
        custom_id = parse_line(line.text, endpoint).custom_id
    except LineFault:
        custom_id = ""
    return json.dumps({"entry": json.dumps([number, custom_id, code]), "counter": counter})


def _says_priority(ask: Ask) -> bool:
    return "priority" in ask.body or ask.body.get("service_tier") not in (None, "auto", "default")


def _patience(batch: Batch, request: JobRequest, now_ms: int) -> dict[str, Any]:
    """How long it may wait: as it says itself, else a day, and never longer than its batch."""
    left = max(1, batch.expires_ms - now_ms)
    own = request.queue_ttl_seconds * 1000
    ttl = own if "queue_ttl_seconds" in request.model_fields_set else DAY_MS
    deadline = 0
    if request.deadline_seconds:
        deadline = max(1, batch.created_ms + int(request.deadline_seconds * 1000) - now_ms)
    return {"queue_ttl_ms": min(ttl, left), "deadline_ms": deadline}


def _flat(fields: dict[str, Any]) -> list[str]:
    return [str(part) for pair in fields.items() for part in pair]
