"""From a checked request to the arguments of the submit script, and from its answer back."""

import hashlib
import json
import math
from dataclasses import dataclass

from api.admission import Pace, class_limit, rate_headers, seconds_until_room
from api.auth import Principal
from api.problems import (
    DeadlineUnmeetable,
    InvalidRequest,
    KeyReused,
    QueueFull,
    RateLimited,
    TooManyJobs,
    Unauthorized,
)
from api.schemas import JobRequest
from api.settings import ApiSettings
from common import keys
from common.job import RECORD_VERSION, JobKind, Work
from common.prompt import Prompt
from common.sampling import Sampling
from common.scripts import Argument


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: goes with the job, into every log."""

    request_id: str
    traceparent: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that may become a job."""

    principal: Principal
    kind: JobKind
    request: JobRequest
    prompt: Prompt
    prompt_tokens: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the submit script said."""

    word: str
    job_id: str
    left: int
    wait_ms: int
    have: int
    limit: int


def submit_arguments(
    submission: Submission, job_id: str, doorbell: str, settings: ApiSettings
) -> list[Argument]:
    """ARGV of submit.lua."""
    request, origin = submission.request, submission.origin
    user = submission.principal.user
    key = ""
    if origin.idempotency_key is not None:
        scope = json.dumps([user, submission.kind, origin.idempotency_key])
        key = keys.idempotency(hashlib.sha256(scope.encode()).hexdigest())
    fields = _record_fields(submission, settings)
    return [
        job_id,
        user,
        request.priority.value,
        key,
        body_digest(request),
        class_limit(settings.max_queue_size, request.priority),
        settings.max_jobs_per_user,
        int((request.deadline_seconds or 0) * 1000),
        request.queue_ttl_seconds * 1000,
        doorbell,
        settings.rate_limit_per_minute,
        submission.principal.issued_at,
        *(part for pair in fields.items() for part in pair),
    ]


def body_digest(request: JobRequest) -> str:
    """The same for bodies that mean the same, defaults written out or not."""
    canonical = json.dumps(request.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _record_fields(submission: Submission, settings: ApiSettings) -> dict[str, Argument]:
    request, origin = submission.request, submission.origin
    sampling = Sampling(
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        stop=tuple(request.stop or ()),
        seed=request.seed,
    )
    timeout = request.timeout_seconds or settings.request_timeout
    result_ttl = request.result_ttl_seconds or settings.result_ttl_seconds
    return {
        "v": RECORD_VERSION,
        "kind": submission.kind.value,
        "work": Work(submission.prompt, sampling).to_json(),
        "prompt_tokens": submission.prompt_tokens,
        "timeout_ms": timeout * 1000,
        "result_ttl_ms": result_ttl * 1000,
        "on_disconnect": request.on_disconnect.value,
        "request_id": origin.request_id,
        "traceparent": origin.traceparent,
        "metadata": json.dumps(request.metadata),
    }


def check_timeout(request: JobRequest, settings: ApiSettings) -> None:
    """Raises InvalidRequest if the job wants to run longer than this service lets it."""
    wanted, limit = request.timeout_seconds, settings.request_timeout
    if wanted is None or wanted <= limit:
        return
    raise InvalidRequest.about(
        "timeout_seconds",
        f"1..{limit} seconds",
        wanted,
        f"must be at most {limit} (REQUEST_TIMEOUT)",
    )


def raise_refusal(verdict: Verdict, pace: Pace, rate_limit: int) -> None:
    """Raises the Problem why the job was not accepted, unless it was, now or before."""
    rates = rate_headers(rate_limit, verdict.left, verdict.wait_ms)
    match verdict.word:
        case "created" | "replayed":
            return
        case "rate_limited":
            raise RateLimited(
                f"{rate_limit} requests a minute are allowed.",
                retry_after=verdict.wait_ms / 1000,
                headers=rates,
            )
        case "queue_full":
            raise QueueFull(
                f"{verdict.have} jobs wait, and this priority is let in below {verdict.limit}.",
                retry_after=seconds_until_room(verdict.have, verdict.limit, pace),
                headers=rates,
            )
        case "deadline_unmeetable":
            raise DeadlineUnmeetable(
                f"The job could start in about {math.ceil(verdict.have / 1000)} s, and its "
                f"deadline is in {verdict.limit / 1000:g} s.",
                retry_after=pace.seconds_for(1) or 1,
                headers=rates,
            )
        case "user_full":
            raise TooManyJobs(
                f"You have {verdict.have} unfinished jobs, and {verdict.limit} are allowed.",
                retry_after=pace.seconds_for(1) or 1,
                headers=rates,
            )
        case "mismatch":
            raise KeyReused(
                f"This Idempotency-Key made {verdict.job_id} from another body.", headers=rates
            )
        case "revoked":
            raise Unauthorized("The access token was revoked.", error="invalid_token")
    raise ValueError(f"submit answered {verdict.word}")
