"""Every refusal in the API's description: each route names the problems it may answer."""

from itertools import groupby
from operator import attrgetter
from typing import Any

from fastapi import FastAPI

from api.answers import ProblemBody
from api.problems import MEDIA_TYPE, Problem

DESCRIPTION = """
A queue-driven inference service for quantized Llama models.

Submit with `POST /generate` or `POST /explain`, which answer 202 at once; then poll
`GET /jobs/{id}`, hold the answer with `Prefer: wait=N`, or stream `GET /jobs/{id}/events`.
Log in with `POST /auth/login` first. Errors are `application/problem+json`.
"""


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may raise these."""
    ordered = sorted(kinds, key=attrgetter("status"))
    return {
        status: {
            "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in group),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status, group in groupby(ordered, key=attrgetter("status"))
    }


def install_openapi(app: FastAPI) -> None:
    """Add the problem's schema, to which all routes refer."""
    generate = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema = generate()
        own = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components.update(own.pop("$defs", {}))
        components["ProblemBody"] = own
        for path in schema["paths"].values():
            for operation in path.values():
                _drop_frameworks_own(operation["responses"])
        return schema

    app.openapi = described  # type: ignore[method-assign]


def _drop_frameworks_own(responses: dict[str, Any]) -> None:
    """FastAPI adds a 422 of its own to routes that name none; it is never sent."""
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
