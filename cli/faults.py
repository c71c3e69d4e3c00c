"""What may go wrong with a command, and the exit status that says so.

Fault
├── Failed          1   the job failed, or there is no such job
├── Misused         2   the request itself is wrong
├── NotAllowed      3   not logged in, or not yours to do
├── Refused         4   limits: nothing was accepted, a later try may succeed
└── Unreachable     5   nobody answers
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cli.exits import ExitCode


class Fault(Exception):
    """A sentence for the user, and what else is known.

    ``fields`` are ``{field, limit, value, message}`` as the gateway names them; ``hint`` is
    what to do.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        request_id: str = "",
        fields: Sequence[Mapping[str, Any]] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.request_id = request_id
        self.fields = fields
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> dict[str, Any]:
        """The fault as ``--json`` shows it."""
        return {
            "error": {
                "message": self.message,
                "code": self.code or None,
                "exit_code": int(self.exit_code),
                "hint": self.hint or None,
                "fields": list(self.fields),
                "retry_after_seconds": self.retry_after_seconds,
                "request_id": self.request_id or None,
            }
        }


class Failed(Fault):
    exit_code = ExitCode.FAILED


class Misused(Fault):
    exit_code = ExitCode.USAGE


class NotAllowed(Fault):
    exit_code = ExitCode.AUTH


class Refused(Fault):
    exit_code = ExitCode.REFUSED


class Unreachable(Fault):
    exit_code = ExitCode.UNREACHABLE
