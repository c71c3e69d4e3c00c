"""The API's description as tests read it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from api.app import create_app
from api.settings import ApiSettings
from common.settings import EngineName

METHODS = ("get", "put", "post", "patch", "delete")


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    about: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def describe(directory: Path) -> dict[str, Any]:
    """What the gateway serves at /openapi.json; it connects to nothing."""
    app = create_app(ApiSettings(engine=EngineName.ECHO, state_dir=directory))
    return app.openapi()


def operations(api: dict[str, Any]) -> Iterator[Operation]:
    """All that can be called."""
    for path, methods in api["paths"].items():
        for method in METHODS:
            if method in methods:
                yield Operation(method, path, methods[method])


def examples_of(api: dict[str, Any], schema: dict[str, Any]) -> Iterator[Any]:
    """The examples of a schema, or of those that it chooses from."""
    if "$ref" in schema:
        schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield from schema.get("examples", ())
    for one in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from examples_of(api, one)


def json_body(operation: Operation) -> dict[str, Any] | None:
    """The schema of the body that it takes as JSON."""
    content = operation.about.get("requestBody", {}).get("content", {})
    found: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return found
