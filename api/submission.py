"""From a checked request to the arguments of the submit script, and from its answer back."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any, cast

from api.admission import class_limit
from api.auth import Principal
from api.identity.roles import Role, Scope, scopes_of
from api.prices import frozen_prices
from api.problems import InvalidRequest
from api.requests.job import JobRequest
from api.settings import ApiSettings
from common import keys
from common.job import RECORD_VERSION, JobKind, Work, new_job_id
from common.prompt import Prompt
from common.queues import MAY_PREEMPT
from common.sampling import ResponseFormat, Sampling
from common.scripts import Argument

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

#: The roles that may submit.
SUBMITTERS = " ".join(role for role in Role if Scope.WRITE in scopes_of(role))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: goes with the job, into every log."""

    request_id: str
    traceparent: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A client that waits for its job on one connection, and may try again if that is cut.

    ``retry`` is 0 on its first try. An ``answerable`` call is one whose retry may take over
    the job of an earlier try.
    """

    waiter: str
    retry: int
    answerable: bool
    streams: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that may become a job."""

    principal: Principal
    kind: JobKind
    request: JobRequest
    work: Work
    prompt_tokens: int
    origin: Origin
    job_id: str | None = None  #: chosen by the client
    call: Call | None = None
    #: Somebody waits for the end: it is told with the whole record, which nobody has to read then.
    awaited: bool = False
    fresh_id: str = field(default_factory=new_job_id)

    @property
    def id(self) -> str:
        """The job's, if it becomes one of its own."""
        return self.job_id or self.fresh_id

    @property
    def prompt(self) -> Prompt:
        """What is asked."""
        return self.work.prompt


def work_of(request: JobRequest, prompt: Prompt) -> Work:
    """What the engine will be asked for."""
    sampling = Sampling(
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        stop=tuple(request.stop or ()),
        seed=request.seed,
        logprobs=request.logprobs,
        response_format=cast("ResponseFormat | None", request.response_format),
    )
    return Work(prompt, sampling)


def submit_arguments(submission: Submission, job_id: str, settings: ApiSettings) -> list[Argument]:
    """ARGV of submit.lua."""
    request, origin = submission.request, submission.origin
    user = submission.principal.user
    key = idempotency_key(user, request.route or submission.kind, origin)
    digest = body_digest(request)
    fields = {**record_fields(submission, settings), **_call_fields(submission, digest)}
    return [
        job_id,
        user,
        request.priority.value,
        key,
        digest,
        class_limit(settings.max_queue_size, request.priority),
        settings.max_jobs_per_user,
        int((request.deadline_seconds or 0) * 1000),
        request.queue_ttl_seconds * 1000,
        tokens_at_most(submission),
        settings.rate_limit_per_minute,
        submission.principal.issued_at,
        settings.tokens_per_minute,
        os.urandom(16).hex(),
        submission.principal.session,
        settings.admin_username,
        SUBMITTERS,
        int(settings.preemption and request.priority in MAY_PREEMPT),
        *(part for pair in fields.items() for part in pair),
    ]


def tokens_at_most(submission: Submission) -> int:
    """Tokens that the job may use, prompt and completion: what its user is charged at first."""
    return submission.prompt_tokens + submission.request.max_tokens


def idempotency_key(user: str, route: str, origin: Origin) -> str:
    """Where the client's Idempotency-Key is kept; '' if it sent none."""
    if origin.idempotency_key is None:
        return ""
    scope = json.dumps([user, route, origin.idempotency_key])
    return keys.idempotency(hashlib.sha256(scope.encode()).hexdigest())


def body_digest(request: JobRequest) -> str:
    """The same for bodies that mean the same, defaults written out or not."""
    return _digest(request.model_dump(mode="json"))


def _digest(value: Any) -> str:
    return hashlib.sha256(_CANONICAL(value).encode()).hexdigest()


def _call_fields(submission: Submission, body: str) -> dict[str, Argument]:
    """Who waits for the job, and by what a retry that sends no key is known."""
    call = submission.call
    if call is None:
        return {}
    keyless = call.answerable and submission.origin.idempotency_key is None
    scope = [submission.principal.user, submission.request.route, body]
    return {
        "waiter": call.waiter,
        "retry": call.retry,
        "call": _digest(scope) if keyless else "",
    }


def record_fields(submission: Submission, settings: ApiSettings) -> dict[str, Argument]:
    """What the record of a job says that the submit script does not; what is empty is left out."""
    request, origin = submission.request, submission.origin
    timeout = request.timeout_seconds or settings.request_timeout
    result_ttl = request.result_ttl_seconds or settings.result_ttl_seconds
    fields: dict[str, Argument] = {
        "v": RECORD_VERSION,
        "kind": submission.kind.value,
        "work": submission.work.to_json(),
        "prompt_tokens": submission.prompt_tokens,
        "timeout_ms": timeout * 1000,
        "result_ttl_ms": result_ttl * 1000,
        "on_disconnect": request.on_disconnect.value,
        "request_id": origin.request_id,
        "traceparent": origin.traceparent,
        "metadata": json.dumps(request.metadata) if request.metadata else "",
        "webhook": request.record_webhook(),
        **request.view_fields(),
        "awaited": "1" if submission.awaited else "",
        "prices": frozen_prices(settings.model_prices, settings.price_per_1k_tokens),
    }
    return {name: value for name, value in fields.items() if value != ""}


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
