"""What /v1 refuses in its own way: as OpenAI would, where its SDK makes a difference."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from api.limits import TooManyStreams
from api.problems import (
    NotSupported,
    Problem,
)


class InvalidParameter(Problem):
    """What is a 422 in the native API: OpenAI answers 400."""

    status, code, title = 400, "invalid_parameter", "The request has invalid parameters"

    @classmethod
    def from_faults(cls, faults: Sequence[Mapping[str, Any]]) -> Self:
        """About these fields, as ``field_errors`` describes them."""
        said = "; ".join(f"{fault['field']} {fault['message']}" for fault in faults)
        return cls(said if said.endswith("?") else f"{said}.", errors=faults)

    @classmethod
    def like(cls, problem: Problem) -> Self:
        """What ``problem`` says, under this name."""
        return cls(problem.detail, errors=problem.errors, headers=problem.headers)


class ContextLengthExceeded(InvalidParameter):
    code, title = "context_length_exceeded", "The prompt is longer than the model's context"


class ModelNotFound(Problem):
    status, code, title = 404, "model_not_found", "No such model"


class ResponseNotFound(Problem):
    status, code, title = 404, "response_not_found", "No such response"


class Cancelled(Problem):
    """Somebody else ended the job for which this client waits."""

    status, code, title = 409, "cancelled", "The job was cancelled"


class GenerationFailed(Problem):
    """The job was tried as often as it may be: another one would hardly do better."""

    status, code, title = 500, "generation_failed", "The model failed"
    kind = "server_error"
    final = True


class GenerationLate(Problem):
    status, code, title = 504, "timeout", "The job took too long"
    kind = "server_error"
    final = True


#: What a create route may refuse with, besides what any submit may.
REFUSALS = (ContextLengthExceeded, NotSupported, ModelNotFound, TooManyStreams)
