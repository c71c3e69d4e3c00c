"""What the guard refuses."""

from typing import Any, Self

from api.guard.guard import Reason
from api.problems import Problem

_WHAT = {
    Reason.HIDDEN_CHARACTERS: "holds characters that nobody can see",
    Reason.CONTROL_TOKENS: "holds marks that only the service may set",
    Reason.PROMPT_INJECTION: "looks like an attempt to override instructions",
}


class PromptRefused(Problem):
    """``reason`` is the class of what was found; which rule it was is not told."""

    status, code, title = 422, "prompt-refused", "The prompt guard refuses this prompt"
    reason: Reason

    @classmethod
    def because(cls, reason: Reason, field: str) -> Self:
        """The refusal of what the user says in ``field``."""
        problem = cls.about(field, "", None, f"{_WHAT[reason]} ({reason})")
        problem.reason = reason
        return problem

    def body(self, instance: str, request_id: str) -> dict[str, Any]:
        """The members of the answer, ``reason`` among them."""
        return {**super().body(instance, request_id), "reason": self.reason.value}
