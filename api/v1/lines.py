"""The endpoints of /v1 as pure functions: for their routes, and for the lines of a batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from api.faults import field_errors
from api.v1 import chat, completions, response_view, responses
from api.v1.asked import ViewRequest
from api.v1.fields import OpenAIBody
from api.v1.problems import InvalidParameter
from common.job import Job, OnDisconnect
from common.prompt import Prompt

B = TypeVar("B", bound=OpenAIBody)


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[B]):
    """One way to ask.

    ``prompt_field`` is the field of the body to blame for a prompt that is too long.
    ``from_job`` is the answer's body: of a completed job, for responses of any.
    """

    body: type[B]
    prompt_field: str
    to_request: Callable[[B], tuple[ViewRequest, Prompt]]
    from_job: Callable[[Job], dict[str, Any]]

    def read(self, raw: object) -> tuple[ViewRequest, Prompt]:
        """The job that a batch line asks for, and its prompt. Raises InvalidParameter.

        Nobody waits for it on a connection, and so nobody can leave it.
        """
        try:
            request, prompt = self.to_request(self.body.model_validate(raw))
        except ValidationError as error:
            raise InvalidParameter.from_faults(
                field_errors([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
            ) from error
        return request.model_copy(update={"on_disconnect": OnDisconnect.CONTINUE}), prompt


CHAT = Endpoint(chat.ChatBody, "messages", chat.to_request, chat.from_job)
COMPLETIONS = Endpoint(
    completions.CompletionBody, "prompt", completions.to_request, completions.from_job
)
RESPONSES = Endpoint(responses.ResponseBody, "input", responses.to_request, response_view.from_job)

#: By the path at which they are offered, as the lines of a batch name them.
ENDPOINTS: Mapping[str, Endpoint[Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/responses": RESPONSES,
}
