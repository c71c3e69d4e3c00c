"""A job under an id that the client chose."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from api.requests.explain import ExplainRequest
from api.requests.generate import GenerateRequest


class NamedGenerateRequest(GenerateRequest):
    """As for `POST /generate`."""

    kind: Literal["generate"] = Field("generate", description="May be left out")


class NamedExplainRequest(ExplainRequest):
    """As for `POST /explain`."""

    kind: Literal["explain"] = Field("explain", description="May be left out")


def _kind(body: Any) -> str:
    """What the body says, or else what it looks like; the tag leaves no trace in errors."""
    if not isinstance(body, dict):
        return "=generate"
    said = body.get("kind")
    if said in ("generate", "explain"):
        return f"={said}"
    return "=explain" if "context" in body else "=generate"


NamedRequest = Annotated[
    Annotated[NamedGenerateRequest, Tag("=generate")]
    | Annotated[NamedExplainRequest, Tag("=explain")],
    Discriminator(_kind),
]
