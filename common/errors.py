"""Why a job did not complete, in words that a client may read.

Exceptions stay inside a process; what crosses to the client is a JobError in the record.
"""

from dataclasses import dataclass
from enum import StrEnum


class JobErrorCode(StrEnum):
    """The closed list of reasons."""

    DEADLINE = "deadline"  #: its deadline passed
    QUEUE_TTL = "queue_ttl"  #: it waited longer than it was allowed to
    TIMEOUT = "timeout"  #: it ran longer than it was allowed to
    ENGINE_ERROR = "engine_error"  #: the model failed on it, on every attempt
    BUDGET = "budget"  #: a line of a batch whose user had spent this month's budget
    WORKER_LOST = "worker_lost"  #: the worker died under it, again and again


@dataclass(frozen=True, slots=True)
class JobError:
    """A reason and one sentence about it."""

    code: str
    message: str
