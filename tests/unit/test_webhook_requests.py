"""What a request says about webhooks, as the record and the rules take it."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from api.problems import InvalidRequest
from api.requests.generate import GenerateRequest
from api.requests.webhooks import EndpointChange, EndpointRequest
from api.settings import ApiSettings
from api.webhooks.answers import DeliveryBody, EndpointBody, NewEndpointBody
from api.webhooks.destination import check_destination
from api.webhooks.events import JobEvent
from api.webhooks.examples import DELIVERY, ENDPOINT, JOB_EVENT, SECRET

URL = "https://hooks.example.com/"
DEVELOPMENT = ApiSettings()


def production(**changes: Any) -> ApiSettings:
    safe = {"app_env": "production", "jwt_secret": "x" * 32, "admin_password": "correct horse"}
    return ApiSettings(**{**safe, **changes})


def record(**fields: Any) -> Any:
    text = GenerateRequest(prompt="hello", **fields).record_webhook()
    return json.loads(text) if text else None


def test_a_job_without_a_url_has_nothing_in_its_record() -> None:
    assert record() is None
    assert record(webhook_include_result=True) is None


def test_no_events_are_the_default_ones() -> None:
    assert record(webhook_url=URL) == {"url": URL, "events": [], "include_result": False}


def test_events_are_written_down_once_each_in_their_order() -> None:
    events = ["job.failed", "job.started", "job.failed"]

    asked = record(webhook_url=URL, webhook_events=events, webhook_include_result=True)

    assert asked["events"] == ["job.failed", "job.started"]
    assert asked["include_result"] is True


def test_events_without_a_url_are_a_mistake() -> None:
    with pytest.raises(ValidationError, match="webhook_url"):
        GenerateRequest(prompt="hello", webhook_events=["job.failed"])


@pytest.mark.parametrize("body", [{"url": "http://u:p@e.com/"}, {"url": "//e.com"}, {"url": ""}])
def test_an_endpoint_needs_a_url_that_can_be_read(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EndpointRequest(**body)
    with pytest.raises(ValidationError):
        EndpointChange(**body)


def test_a_change_names_only_what_was_given() -> None:
    assert EndpointChange.model_validate({"events": None}).model_dump(exclude_unset=True) == {
        "events": None
    }


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (DEVELOPMENT, None),
        (DEVELOPMENT, "http://hooks.example.com/"),
        (production(), URL),
        (production(webhook_allow_networks="10.0.0.0/8"), "http://10.1.2.3:9000/"),
        (production(webhook_allow_networks="10.0.0.0/8"), "http://receiver:9000/"),
    ],
)
def test_a_destination_that_may_be_reached_is_let_through(
    settings: ApiSettings, url: str | None
) -> None:
    check_destination("url", url, settings)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (DEVELOPMENT, "http://10.1.2.3/"),
        (DEVELOPMENT, "http://receiver:9000/"),
        (production(), "http://hooks.example.com/"),
        (production(webhook_allow_networks="10.0.0.0/8"), "http://192.168.0.1/"),
        (production(webhook_allow_networks="169.254.0.0/16"), "http://169.254.169.254/"),
    ],
)
def test_a_destination_that_may_not_names_field_limit_and_value(
    settings: ApiSettings, url: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_destination("webhook_url", url, settings)

    (error,) = refused.value.errors
    assert (error["field"], error["value"]) == ("webhook_url", url)
    assert "WEBHOOK_ALLOW_NETWORKS" in error["limit"]


@pytest.mark.parametrize(
    ("body", "example"),
    [
        (EndpointBody, ENDPOINT),
        (NewEndpointBody, {**ENDPOINT, "secret": SECRET}),
        (DeliveryBody, DELIVERY),
        (JobEvent, JOB_EVENT),
    ],
)
def test_what_the_description_shows_is_what_is_sent(
    body: type[BaseModel], example: dict[str, Any]
) -> None:
    shown = body.model_validate(example).model_dump(mode="json", exclude_unset=True)

    assert shown.keys() == example.keys()
