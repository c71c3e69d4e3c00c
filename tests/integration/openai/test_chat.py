"""client.chat.completions, client.completions and client.models against a real worker."""

import asyncio
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.support.openai_client import async_sdk
from tests.support.stack import Stack

HELLO: Any = [{"role": "user", "content": "hello world "}]


def ask(client: OpenAI, **changes: Any) -> Any:
    wanted = {"model": "echo", "messages": HELLO, "max_tokens": 12, **changes}
    return client.chat.completions.create(**wanted)


def test_the_models_are_listed_and_found_by_name(client: OpenAI) -> None:
    (model,) = client.models.list()

    assert (model.id, model.object, model.owned_by) == ("echo", "model", "caravan")
    assert client.models.retrieve("echo") == model
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("meta-llama/Llama-2-7b-chat-hf")
    assert caught.value.code == "model_not_found"


def test_a_chat_completion_has_what_the_sdk_reads(client: OpenAI) -> None:
    answer = ask(client, seed=7, top_p=0.9, metadata={"a": "b"}, user="u")

    assert answer.id.startswith("chatcmpl-")
    assert (answer.object, answer.model, answer.service_tier) == (
        "chat.completion",
        "echo",
        "default",
    )
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "length", None)
    assert (choice.message.role, choice.message.content) == ("assistant", "hello world ")
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (12, 12, 24)
    assert answer._request_id.startswith("req_")


def test_an_answer_is_a_job_like_any_other(client: OpenAI, openai_stack: Stack) -> None:
    answer = ask(client, metadata={"a": "b"})

    with openai_stack.login() as native:
        job = native.get(f"/jobs/{answer.id}").json()
    assert (job["status"], job["metadata"]) == ("completed", {"a": "b"})
    assert job["result"]["text"] == answer.choices[0].message.content


def test_a_stop_string_ends_the_answer(client: OpenAI) -> None:
    choice = ask(client, stop=["wor"], max_completion_tokens=50).choices[0]

    assert (choice.message.content, choice.finish_reason) == ("hello ", "stop")


@pytest.mark.parametrize(
    ("tier", "priority", "shown"),
    [
        ("flex", "low", "flex"),
        ("auto", "normal", "default"),
        ("fast", "high", "priority"),
        ("priority", "high", "priority"),
        ("ultrafast", "urgent", "ultrafast"),
    ],
)
def test_a_service_tier_is_a_queue_and_comes_back(
    client: OpenAI, openai_stack: Stack, tier: str, priority: str, shown: str
) -> None:
    answer = ask(client, max_tokens=1, extra_body={"service_tier": tier})

    assert answer.service_tier == shown
    with openai_stack.login() as native:
        assert native.get(f"/jobs/{answer.id}").json()["priority"] == priority


def test_a_stream_says_the_role_once_and_the_usage_last(client: OpenAI) -> None:
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))

    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    *with_choice, last = chunks
    deltas = [chunk.choices[0].delta for chunk in with_choice]
    assert [delta.role for delta in deltas if delta.role] == ["assistant"]
    assert "".join(delta.content or "" for delta in deltas) == "hello world "
    reasons = [chunk.choices[0].finish_reason for chunk in with_choice]
    assert reasons == [None] * (len(reasons) - 1) + ["length"]
    assert (last.choices, last.usage.total_tokens) == ([], 24)
    assert all(chunk.usage is None for chunk in with_choice)


def test_a_stream_without_options_has_a_choice_in_every_chunk(client: OpenAI) -> None:
    assert all(len(chunk.choices) == 1 for chunk in ask(client, stream=True))


def test_the_stream_helper_of_the_sdk_builds_the_answer(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="echo", messages=HELLO, max_tokens=50, stop="ld"
    ) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_completion()

    assert kinds[-1] == "content.done"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == "hello wor"


def test_a_queued_stream_shows_its_position(client: OpenAI) -> None:
    # Given three busy slots, and somebody who waits for one
    busy = [ask(client, max_tokens=4000, stream=True) for _ in range(3)]
    for stream in busy:
        next(chunk for chunk in stream if chunk.choices[0].delta.content)
    busy.append(ask(client, max_tokens=100, stream=True))
    # When a stream is opened, and one of those who are served leaves
    waiting = client.chat.completions.with_raw_response.create(
        model="echo", messages=HELLO, max_tokens=1, stream=True
    )
    chunks: list[Any] = []
    for chunk in waiting.parse():
        chunks.append(chunk)
        if "queue" in (chunk.model_extra or ()):
            busy[0].close()
    # Then its headers and chunks say where it stands, and it still gets its answer
    assert waiting.headers["x-queue-position"] == "2"
    places = [chunk.queue["position"] for chunk in chunks if "queue" in chunk.model_extra]
    assert places == [2, 1]
    assert [c.choices[0].delta.role for c in chunks if c.choices[0].delta.role] == ["assistant"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "h"
    for stream in busy:
        stream.close()


def test_a_stream_outlives_many_keep_alives(client: OpenAI) -> None:
    # Given a keep-alive every 0.2 s, and slots that are busy for longer
    busy = [ask(client, max_tokens=60, stream=True) for _ in range(3)]
    for stream in busy:
        next(chunk for chunk in stream if chunk.choices[0].delta.content)
    # Then the SDK's decoder survives them
    assert list(ask(client, max_tokens=2, stream=True))[-1].choices[0].finish_reason == "length"
    for stream in busy:
        stream.close()


def test_a_completion_continues_raw_text(client: OpenAI) -> None:
    answer = client.completions.create(model="echo", prompt="abc ", max_tokens=7)

    assert (answer.object, answer.choices[0].text) == ("text_completion", "abc abc")
    assert answer.choices[0].finish_reason == "length"
    default = client.completions.create(model="echo", prompt=["abc "])
    assert default.usage is not None
    assert default.usage.completion_tokens == 16


def test_a_completion_streams(client: OpenAI) -> None:
    chunks = list(client.completions.create(model="echo", prompt="abc ", max_tokens=7, stream=True))

    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert "".join(chunk.choices[0].text for chunk in chunks) == "abc abc"
    assert chunks[-1].choices[0].finish_reason == "length"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "n"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ({"frequency_penalty": 0.5}, "frequency_penalty"),
    ({"logit_bias": {"1": 1}}, "logit_bias"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"store": True}, "store"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"temperature": 3}, "temperature"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"extra_body": {"max_tokns": 5}}, "max_tokns"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages.0.role"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
        "messages.0.content.0.type",
    ),
]


@pytest.mark.parametrize(("changes", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_what_cannot_be_done_is_refused_by_name(
    client: OpenAI, changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **changes)

    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")
    assert caught.value.request_id == caught.value.response.headers["x-request-id"]


def test_what_asks_for_nothing_is_taken(client: OpenAI) -> None:
    answer = ask(
        client,
        n=1,
        tools=[],
        tool_choice="none",
        logit_bias={},
        frequency_penalty=0,
        presence_penalty=0.0,
        response_format={"type": "text"},
        modalities=["text"],
        store=False,
    )

    assert answer.choices[0].message.content == "hello world "


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client, model="gpt-5")

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_prompt_beyond_the_context_is_refused_under_openais_code(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, messages=[{"role": "user", "content": "x" * 5000}])

    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert "5000 tokens" in caught.value.message


def test_a_wrong_key_is_an_authentication_error(client: OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        ask(client.with_options(api_key="nonsense"))


def test_parts_of_text_and_an_answer_sent_back_are_messages(client: OpenAI) -> None:
    first = ask(client).choices[0].message
    parts = [{"type": "text", "text": "and "}, {"type": "text", "text": "more"}]
    messages = [*HELLO, first, {"role": "user", "content": parts}]

    assert ask(client, messages=messages, max_tokens=5).choices[0].message.content == "hello"


async def both(stack: Stack) -> tuple[str, str]:
    """One answer and one stream, by the asynchronous client."""
    async with async_sdk(stack) as client:
        answer = await client.chat.completions.create(model="echo", messages=HELLO, max_tokens=5)
        stream = await client.chat.completions.create(
            model="echo", messages=HELLO, max_tokens=5, stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
        return answer.choices[0].message.content or "", "".join(pieces)


def test_the_asynchronous_client_works_as_well(openai_stack: Stack) -> None:
    assert asyncio.run(both(openai_stack)) == ("hello", "hello")
