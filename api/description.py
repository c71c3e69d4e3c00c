"""What the API's description says of the whole: its introduction, its parts, its names."""

from typing import Any

from fastapi.routing import APIRoute

DESCRIPTION = """
A queue-driven inference service for quantized Llama models.

Submit with `POST /generate` or `POST /explain`, which answer 202 at once; then poll
`GET /jobs/{id}`, hold the answer with `Prefer: wait=N`, stream `GET /jobs/{id}/events`, or have
a webhook called. The `openai` package works with `base_url=".../v1"`.

Log in with `POST /auth/login` first and send `Authorization: Bearer <access_token>`.
Errors are `application/problem+json`; each names the field, its limit and the value.
"""

#: The parts of the API, in the order in which the documentation shows them.
TAGS: list[dict[str, Any]] = [
    {"name": "auth", "description": "Log in, and make API keys"},
    {"name": "jobs", "description": "Submit, poll, wait for, stream, cancel and erase jobs"},
    {"name": "batches", "description": "Many jobs in one request"},
    {"name": "openai", "description": "What the `openai` package calls"},
    {"name": "webhooks", "description": "Who is called when a job ends, and what came of it"},
    {"name": "health", "description": "Whether the service is alive, ready and well"},
    {"name": "model", "description": "What is loaded"},
    {"name": "usage", "description": "Tokens and what they cost"},
    {"name": "admin", "description": "For whoever runs the service"},
]


def operation_id(route: APIRoute) -> str:
    """A name for generated clients: the method and the path, such as ``get_jobs_job_id``."""
    method = min(route.methods or {"post"}).lower()
    path = "".join(c if c.isalnum() else " " for c in route.path_format).split()
    return "_".join([method, *path])
