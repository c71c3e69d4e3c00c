"""What of a request a user says, and where: the guard looks at nothing else."""

from dataclasses import dataclass

from api.guard.policy import GuardedRoute
from api.requests.explain import ExplainRequest
from api.submission import Submission
from common.job import Api, Job, JobKind
from common.prompt import Prompt, Role


@dataclass(frozen=True, slots=True)
class Speech:
    """The texts of one request, the route that it asks, and the field that holds them."""

    route: GuardedRoute
    field: str
    texts: tuple[str, ...]

    @property
    def length(self) -> int:
        """Characters of all texts."""
        return sum(map(len, self.texts))


_HEARD: dict[str, tuple[GuardedRoute, str]] = {
    JobKind.GENERATE: ("/generate", "prompt"),
    JobKind.EXPLAIN: ("/explain", "context"),
    Api.CHAT: ("/v1/chat/completions", "messages"),
    Api.COMPLETIONS: ("/v1/completions", "prompt"),
    Api.RESPONSES: ("/v1/responses", "input"),
}


def speech(submission: Submission) -> Speech:
    """What the user says: no system prompt, no earlier answer, and nothing of ours."""
    route, field = _HEARD[submission.request.route or submission.kind]
    return Speech(route, field, tuple(text for text in _texts(submission) if text))


def recorded_speech(job: Job) -> Speech:
    """What the user said, as the record has it; of an explanation what we put around it too."""
    route, field = _HEARD[job.api or job.kind]
    return Speech(route, field, tuple(_said(job.work.prompt)))


def _texts(submission: Submission) -> list[str]:
    if isinstance(submission.request, ExplainRequest):
        return ["\n".join(submission.request.context.texts())]
    return _said(submission.prompt)


def _said(prompt: Prompt) -> list[str]:
    if prompt.text is not None:
        return [prompt.text]
    return [message.content for message in prompt.messages if message.role is Role.USER]
