"""The API's description is valid, complete, and shows examples that are true to it."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from common.webhooks import EventType
from tests.support.openapi import describe, examples_of, json_body, operations

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return describe(tmp_path_factory.mktemp("state"))


def test_the_description_is_valid_openapi(api: dict[str, Any]) -> None:
    assert api["openapi"].startswith("3.1")
    validate(api)


def test_every_operation_has_a_name_a_part_and_a_sentence(api: dict[str, Any]) -> None:
    names = [operation.about["operationId"] for operation in operations(api)]
    parts = {tag["name"] for tag in api["tags"]}

    assert len(names) == len(set(names))
    for operation in operations(api):
        assert set(operation.about["tags"]) <= parts, operation
        assert operation.about["tags"], operation
        assert operation.about.get("description"), operation


def test_every_body_is_shown_by_an_example(api: dict[str, Any]) -> None:
    bodies = [(operation, json_body(operation)) for operation in operations(api)]
    missing = [
        str(operation) for operation, body in bodies if body and not list(examples_of(api, body))
    ]

    assert missing == []


def test_every_example_is_true_to_its_schema(api: dict[str, Any]) -> None:
    document = {"$id": "urn:api", **api}
    shown = 0
    for name, schema in api["components"]["schemas"].items():
        where = {"$ref": f"#/components/schemas/{name}"}
        validator = Draft202012Validator({**where, "components": document["components"]})
        for example in schema.get("examples", ()):
            assert [e.message for e in validator.iter_errors(example)] == [], name
            shown += 1
    assert shown > 20


def test_the_answers_that_everybody_reads_have_examples(api: dict[str, Any]) -> None:
    schemas = api["components"]["schemas"]

    for name in ("JobBody", "ExplanationBody", "HealthBody", "ModelBody", "ProblemBody"):
        assert schemas[name]["examples"], name


def test_every_answer_in_json_has_a_schema(api: dict[str, Any]) -> None:
    for operation in operations(api):
        for status, response in operation.about["responses"].items():
            for kind, content in response.get("content", {}).items():
                if "json" in kind:
                    assert content.get("schema"), (str(operation), status)


def test_only_what_needs_no_login_asks_for_none(api: dict[str, Any]) -> None:
    open_to_all = {str(o) for o in operations(api) if "security" not in o.about}

    assert open_to_all == {
        "POST /auth/login",
        "POST /auth/refresh",
        "GET /livez",
        "GET /readyz",
        "GET /status",
        "GET /status/history",
        "GET /model/info",
        *(str(o) for o in operations(api) if "/.well-known/" in o.path),
    }


def test_a_stream_takes_either_token(api: dict[str, Any]) -> None:
    security = api["paths"]["/jobs/{job_id}/events"]["get"]["security"]
    schemes = api["components"]["securitySchemes"]

    kinds = [schemes[name]["type"] for one in security for name in one]
    assert sorted(kinds) == ["apiKey", "http"]


def test_what_can_be_refused_says_how(api: dict[str, Any]) -> None:
    for operation in operations(api):
        answers = operation.about["responses"]
        if "security" in operation.about and operation.path != "/health":
            assert {"401", "403", "503"} <= set(answers), operation
        if "requestBody" in operation.about:
            invalid = "400" if operation.path.startswith("/v1/") else "422"
            assert {"400", "413", "415", invalid} <= set(answers), operation
        for status, answer in answers.items():
            if int(status) >= 400:
                assert re.match(r"`?[\w-]+", answer["description"]), (str(operation), status)
                assert answer["content"], (str(operation), status)


def test_every_event_is_described(api: dict[str, Any]) -> None:
    assert set(api["webhooks"]) == {event.value for event in EventType}


def test_every_route_of_the_two_documents_is_there(api: dict[str, Any]) -> None:
    seeds = {
        *("POST /auth/login", "POST /generate", "POST /explain", "POST /explain/batch"),
        *("GET /health", "GET /metrics", "GET /model/info", "GET /status"),
        *("POST /admin/warmup", "POST /admin/reload", "GET /admin/stats"),
    }

    assert seeds <= {str(operation) for operation in operations(api)}


def test_every_route_that_the_pages_name_is_there(api: dict[str, Any]) -> None:
    known = {(o.method.upper(), re.sub(r"{[^}]*}", "{}", o.path)) for o in operations(api)}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    named = [
        (page.name, method, re.sub(r"{[^}]*}", "{}", path))
        for page in pages
        for method, path in re.findall(
            r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*[\w}])", page.read_text()
        )
    ]
    unknown = [
        (page, method, path)
        for page, method, path in named
        if not any(m == method and whole.endswith(path) for m, whole in known)
    ]

    assert len(named) > 40
    assert unknown == []
