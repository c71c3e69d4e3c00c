"""Text from a prompt."""

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from api.explain.fence import Fence
from api.requests.job import JobRequest
from api.schemas import SpokenText, length
from common.job import JobKind
from common.prompt import Message, Prompt, Role


class GenerateRequest(JobRequest):
    """Generate text from a prompt."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "The future of AI is", "max_tokens": 50}]}
    )

    job_kind: ClassVar[JobKind] = JobKind.GENERATE
    prompt_field: ClassVar[str] = "prompt"

    prompt: Annotated[str, length("prompt"), SpokenText] = Field(
        description="What the user says; longer than the model's context is refused"
    )

    def to_prompt(self, fence: Fence) -> Prompt:  # noqa: ARG002 - nothing here is ours
        """One turn of the user, after the system prompt if there is one."""
        turns = [Message(Role.USER, self.prompt)]
        if self.system_prompt is not None:
            turns.insert(0, Message(Role.SYSTEM, self.system_prompt))
        return Prompt(messages=tuple(turns))
