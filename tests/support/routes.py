"""Every operation of the API, by what an attacker looks for in it."""

import tempfile
from pathlib import Path
from typing import Any

from tests.support.openapi import Operation, describe, examples_of, json_body, operations

with tempfile.TemporaryDirectory() as _directory:
    API = describe(Path(_directory))
OPERATIONS = list(operations(API))

SECURED = [one for one in OPERATIONS if "security" in one.about]


def parameters(operation: Operation, place: str) -> dict[str, dict[str, Any]]:
    """The parameters in ``path`` or ``query``, by name."""
    found = operation.about.get("parameters", ())
    return {one["name"]: one["schema"] for one in found if one["in"] == place}


def example_body(operation: Operation) -> Any:
    """A body that the operation takes; None where it takes none."""
    schema = json_body(operation)
    return next(examples_of(API, schema), {}) if schema is not None else None


def properties(operation: Operation) -> dict[str, Any]:
    """The fields of its JSON body, those of all its forms."""
    return _properties(json_body(operation) or {})


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        schema = API["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found = dict(schema.get("properties", {}))
    for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        found |= _properties(part)
    return found


def is_admins(operation: Operation) -> bool:
    """Whether it is for administrators."""
    return operation.path.startswith("/admin")


def ids(operation: Operation) -> str:
    """A test's name for it."""
    return str(operation)
