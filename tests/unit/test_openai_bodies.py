"""Bodies of /v1 as pure functions: what they ask of a job, and what a job looks like there."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.v1.lines import CHAT, COMPLETIONS, ENDPOINTS, RESPONSES
from api.v1.problems import InvalidParameter
from api.v1.responses import ResponseBody, to_request
from common.job import Api, Job, JobKind, JobStatus, OnDisconnect, Work
from common.prompt import Message, Prompt, Role
from common.queues import Priority
from common.sampling import FinishReason, Sampling

HI = [{"role": "user", "content": "hi"}]
MINIMAL: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": HI},
    "/v1/completions": {"model": "m", "prompt": "hi"},
    "/v1/responses": {"model": "m", "input": "hi"},
}
#: What Open Responses (openresponses.org, ResponseResource) wants of every response.
OPEN_RESPONSES = {
    *("id", "object", "created_at", "completed_at", "status", "incomplete_details", "model"),
    *("previous_response_id", "instructions", "output", "error", "tools", "tool_choice"),
    *("truncation", "parallel_tool_calls", "text", "top_p", "presence_penalty"),
    *("frequency_penalty", "top_logprobs", "temperature", "reasoning", "usage"),
    *("max_output_tokens", "max_tool_calls", "store", "background", "service_tier"),
    *("metadata", "safety_identifier", "prompt_cache_key"),
}


def job(api: Api, **changes: Any) -> Job:
    made = Job(
        id="x_1",
        user="ada",
        kind=JobKind.GENERATE,
        priority=Priority.LOW,
        status=JobStatus.COMPLETED,
        work=Work(Prompt(messages=(Message(Role.USER, "hi"),)), Sampling()),
        created_ms=1_700_000_000_123,
        enqueued_ms=0,
        tokens=2,
        prompt_tokens=3,
        text="yo",
        finish_reason=FinishReason.STOP,
        model_info={"model_name": "m", "quantization": "Q4_1"},
        api=api,
        asked={"model": "m"},
    )
    return replace(made, **changes)


@pytest.mark.parametrize("path", MINIMAL)
def test_the_least_that_can_be_asked_has_openais_defaults(path: str) -> None:
    request, prompt = ENDPOINTS[path].read(MINIMAL[path])

    assert (request.temperature, request.top_p, request.priority) == (1, 1, Priority.NORMAL)
    assert request.on_disconnect is OnDisconnect.CONTINUE  # a line of a batch has no client
    assert request.max_tokens == (16 if path == "/v1/completions" else 200)
    assert prompt.plain_text == "hi"


@pytest.mark.parametrize("path", MINIMAL)
def test_null_means_left_out(path: str) -> None:
    body = {**MINIMAL[path], **dict.fromkeys(("temperature", "top_p", "metadata", "n", "stream"))}
    if path == "/v1/responses":
        del body["n"]

    assert ENDPOINTS[path].read(body)[0].temperature == 1


@pytest.mark.parametrize("path", MINIMAL)
@given(
    body=st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.text(), max_size=3)
    | st.lists(st.integers())
    | st.text()
)
def test_any_json_is_refused_with_a_param(path: str, body: Any) -> None:
    whole = {**MINIMAL[path], **body} if isinstance(body, dict) else body
    param = blamed(path, whole)

    assert param or (isinstance(body, dict) and set(body) <= {"user", "stop", "input", "prompt"})


def blamed(path: str, body: Any) -> str | None:
    """The field that is refused, if one is."""
    try:
        ENDPOINTS[path].read(body)
    except InvalidParameter as problem:
        return str(problem.body("/", "r")["error"]["param"])
    return None


def test_a_chat_asks_for_what_it_says() -> None:
    request, prompt = CHAT.read(
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
            ],
            "max_tokens": 5,
            "max_completion_tokens": 7,
            "stop": "END",
            "seed": 3,
            "logprobs": True,
            "top_logprobs": 2,
            "service_tier": "flex",
            "metadata": {"k": "v"},
            "response_format": {"type": "json_object"},
        }
    )

    assert (request.max_tokens, request.stop, request.seed) == (7, ["END"], 3)
    assert (request.logprobs, request.priority) == (2, Priority.LOW)
    assert request.metadata == {"k": "v"}
    assert request.response_format is not None
    assert [message.role for message in prompt.messages] == [Role.SYSTEM, Role.USER]


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ({}, OnDisconnect.CANCEL),
        ({"background": True}, OnDisconnect.CONTINUE),
        ({"on_disconnect": "continue"}, OnDisconnect.CONTINUE),
        ({"background": True, "on_disconnect": "cancel"}, OnDisconnect.CANCEL),
    ],
)
def test_a_job_ends_with_its_client_unless_it_runs_in_the_background(
    said: dict[str, Any], becomes: OnDisconnect
) -> None:
    body = ResponseBody.model_validate({"model": "m", "input": "hi", **said})

    assert to_request(body)[0].on_disconnect is becomes


def test_instructions_come_first() -> None:
    _, prompt = RESPONSES.read({"model": "m", "input": "hi", "instructions": "Be brief."})

    assert [message.content for message in prompt.messages] == ["Be brief.", "hi"]


def test_equal_bodies_have_equal_digests_and_others_have_not() -> None:
    def digest(**changes: Any) -> str:
        return CHAT.read({"model": "m", "messages": HI, **changes})[0].body

    assert digest() == digest(temperature=None)
    assert digest() != digest(messages=[{"role": "user", "content": "ho"}])
    assert digest() != digest(stream=True)


def test_answers_have_their_shapes() -> None:
    chat, text = CHAT.from_job(job(Api.CHAT)), COMPLETIONS.from_job(job(Api.COMPLETIONS))

    assert chat["choices"][0]["message"]["content"] == text["choices"][0]["text"] == "yo"
    assert (chat["object"], text["object"]) == ("chat.completion", "text_completion")
    assert (chat["created"], chat["service_tier"]) == (1_700_000_000, "flex")
    assert chat["system_fingerprint"].startswith("fp_")
    other = job(Api.CHAT, model_info={"model_name": "m", "quantization": "Q8_0"})
    assert CHAT.from_job(other)["system_fingerprint"] != chat["system_fingerprint"]


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_response_has_every_field_at_any_time(status: JobStatus) -> None:
    response = RESPONSES.from_job(job(Api.RESPONSES, status=status))

    assert set(response) >= OPEN_RESPONSES
    assert json.loads(json.dumps(response)) == response
    assert (response["usage"] is None) == (not status.terminal)
