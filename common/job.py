"""The job: the record that a client made, and every number that is derived from it."""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from common.errors import JobError
from common.logprobs import TokenLogprobs, load_logprobs
from common.prompt import Prompt
from common.queues import Priority
from common.sampling import FinishReason, ResponseFormat, Sampling

#: The version of the record; a reader accepts its own and older ones.
RECORD_VERSION = 1


class JobStatus(StrEnum):
    """Where a job is; each says who brings it there."""

    QUEUED = "queued"  #: submit; release and rescue bring it back
    IN_PROGRESS = "in_progress"  #: claim
    COMPLETED = "completed"  #: finish
    FAILED = "failed"  #: finish, expire (its timeout) or rescue (it kills workers)
    CANCELLED = "cancelled"  #: cancel
    EXPIRED = "expired"  #: expire (its queue ttl or deadline)

    @property
    def terminal(self) -> bool:
        """Whether the job has ended; it never leaves such a state."""
        return self not in (JobStatus.QUEUED, JobStatus.IN_PROGRESS)


class JobKind(StrEnum):
    """Which view made the job."""

    GENERATE = "generate"
    EXPLAIN = "explain"


class Api(StrEnum):
    """The part of /v1 that made a job: its answers have that shape."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"


class OnDisconnect(StrEnum):
    """What a job does when the client that waits for it goes away."""

    CONTINUE = "continue"
    CANCEL = "cancel"


_WORK = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_KNOBS = tuple(one.name for one in fields(Sampling))


@dataclass(frozen=True, slots=True)
class Work:
    """What the engine is asked for."""

    prompt: Prompt
    sampling: Sampling

    def to_json(self) -> str:
        """The form stored in the record."""
        sampling = self.sampling
        asked = ((name, getattr(sampling, name)) for name in _KNOBS)
        given = {name: value for name, value in asked if value is not None}
        if sampling.response_format is not None:
            given["response_format"] = asdict(sampling.response_format)
        return _WORK({"prompt": self.prompt.to_dict(), "sampling": given})

    @classmethod
    def from_json(cls, text: str) -> "Work":
        """Read the stored form."""
        raw = json.loads(text)
        sampling = raw["sampling"]
        sampling["stop"] = tuple(sampling["stop"])
        if "response_format" in sampling:
            sampling["response_format"] = ResponseFormat(**sampling["response_format"])
        return cls(Prompt.from_dict(raw["prompt"]), Sampling(**sampling))


@dataclass(frozen=True, slots=True)
class Job:
    """One job as read from Redis. Times in ms of the server's clock; 0 is never."""

    id: str
    user: str
    kind: JobKind
    priority: Priority
    status: JobStatus
    work: Work
    created_ms: int
    enqueued_ms: int
    started_ms: int = 0
    first_token_ms: int = 0
    completed_ms: int = 0
    expires_ms: int = 0
    deadline_ms: int = 0
    run_ms: int = 0
    decode_ms: int = 0
    attempts: int = 0
    failures: int = 0
    kills: int = 0
    rescues: int = 0
    revision: int = 1
    prompt_tokens: int = 0
    tokens: int = 0
    cost_nano: int = 0  #: billionths of a dollar, known at the end
    eta_ms: int = -1  #: how long it was expected to wait when it was submitted; -1: unknown
    cached_tokens: int = 0  #: of the prompt's tokens, those that the engine still had
    logprob_sum: float | None = 0.0  #: None where the engine knows no probabilities
    stored_logprobs: str = ""
    text: str = ""
    trail: str = ""  #: steps between its attempts: common/lua/shared/trail.lua
    ids: str = ""
    lengths: str = ""
    finish_reason: FinishReason | None = None
    error: JobError | None = None
    on_disconnect: OnDisconnect = OnDisconnect.CONTINUE
    request_id: str = ""
    traceparent: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    model_info: dict[str, Any] = field(default_factory=dict)
    api: Api | None = None  #: None for the native API
    asked: dict[str, Any] = field(default_factory=dict)  #: what its view there must repeat

    @classmethod
    def from_hash(cls, raw: Mapping[str, str]) -> "Job":
        """Build a job from its Redis hash. Raises KeyError on a foreign hash."""
        numbers = {name: int(raw[name]) for name in _NUMBERS if raw.get(name)}
        reason = raw.get("finish_reason")
        code = raw.get("error_code")
        return cls(
            id=raw["id"],
            user=raw["user"],
            kind=JobKind(raw["kind"]),
            priority=Priority(raw["priority"]),
            status=JobStatus(raw["status"]),
            work=Work.from_json(raw["work"]),
            logprob_sum=float(raw["logprob_sum"]) if raw.get("logprob_sum") else None,
            stored_logprobs=raw.get("logprobs", ""),
            text=raw.get("text", ""),
            trail=raw.get("trail", ""),
            ids=raw.get("ids", ""),
            lengths=raw.get("lengths", ""),
            finish_reason=FinishReason(reason) if reason else None,
            error=JobError(code, raw.get("error_message", "")) if code else None,
            on_disconnect=OnDisconnect(raw.get("on_disconnect") or OnDisconnect.CONTINUE),
            request_id=raw.get("request_id", ""),
            traceparent=raw.get("traceparent", ""),
            metadata=json.loads(raw.get("metadata") or "{}"),
            model_info=json.loads(raw.get("model_info") or "{}"),
            api=Api(raw["api"]) if raw.get("api") else None,
            asked=json.loads(raw.get("asked") or "{}"),
            **numbers,
        )

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the chosen tokens' probabilities, 0..1; uncalibrated."""
        if self.logprob_sum is None or not self.tokens:
            return None
        return math.exp(self.logprob_sum / self.tokens)

    @property
    def tokens_per_second(self) -> float | None:
        """Decode speed: the first token is prefill's."""
        return (self.tokens - 1) * 1000 / self.decode_ms if self.decode_ms > 0 else None

    @property
    def processing_ms(self) -> int | None:
        """From the first claim to the end."""
        if not self.started_ms or not self.completed_ms:
            return None
        return self.completed_ms - self.started_ms

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The ids of an ended job: three characters each, six bits in a character."""
        digits = [ord(character) - 48 for character in self.ids]
        triples = zip(digits[::3], digits[1::3], digits[2::3], strict=True)
        return tuple(high << 12 | middle << 6 | low for high, middle, low in triples)

    @property
    def logprobs(self) -> list[TokenLogprobs] | None:
        """Of an ended job, one entry a token; None unless they were asked for."""
        if self.work.sampling.logprobs is None:
            return None
        return load_logprobs(self.stored_logprobs)

    def text_after(self, offset: int) -> str:
        """The text that the tokens after the first ``offset`` released."""
        lengths = [int(n) for n in self.lengths.split(",") if n]
        return self.text[sum(lengths[:offset]) :]


_NUMBERS = (
    *("created_ms", "enqueued_ms", "started_ms", "first_token_ms", "completed_ms"),
    *("expires_ms", "deadline_ms"),
    *("run_ms", "decode_ms", "attempts", "failures", "kills", "rescues", "revision"),
    *("prompt_tokens", "cached_tokens", "tokens", "cost_nano", "eta_ms"),
)

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)


def new_job_id(prefix: str = "job_") -> str:
    """A fresh id: the prefix, then 52 bits of microseconds and 76 random bits.

    Sortable by time, so that of two jobs that enter a queue in the same millisecond the
    older one also comes first.
    """
    number = (time.time_ns() // 1000) << 76 | int.from_bytes(os.urandom(10)) >> 4
    return prefix + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """A hash as a script returns it, field after value, as a mapping."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
