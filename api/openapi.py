"""The API's description: FastAPI's own, with what all routes have in common."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from api.answers import ProblemBody
from api.refusals import complete, problems

__all__ = ["install_openapi", "problems"]


#: One server-sent event.
_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "description": "JSON, or `[DONE]` at the end of some streams"},
    },
    "required": ["data"],
}


def install_openapi(app: FastAPI) -> None:
    """Add the problem's schema, to which all routes refer, and the refusals of each."""
    generate = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema = generate()
        own = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components.update(own.pop("$defs", {}))
        components["ProblemBody"] = own
        _restore_examples(components)
        for section in ("paths", "webhooks"):
            for path, operation in _operations(schema, section):
                _drop_frameworks_own(operation["responses"])
                _describe_contents(operation["responses"])
                if section == "paths":
                    complete(path, operation)
        return schema

    app.openapi = described  # type: ignore[method-assign]


def _operations(schema: dict[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema.get(section, {}).items():
        for operation in methods.values():
            yield path, operation


def _restore_examples(components: dict[str, Any]) -> None:
    """FastAPI drops the nulls of the examples that it finds in models."""
    for model in _models(BaseModel):
        extra = model.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and "examples" in extra and model.__name__ in components:
            components[model.__name__]["examples"] = extra["examples"]


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _describe_contents(responses: dict[str, Any]) -> None:
    """Say what FastAPI does not know: which routes answer no JSON, and what an event is."""
    for response in responses.values():
        content = response.get("content", {})
        if content.get("application/json") == {"schema": {}}:
            del content["application/json"]
        if content.get("text/event-stream") == {"schema": {"type": "string"}}:
            content["text/event-stream"] = {"schema": _EVENT}


def _drop_frameworks_own(responses: dict[str, Any]) -> None:
    """FastAPI adds a 422 of its own to routes that name none; it is never sent."""
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
