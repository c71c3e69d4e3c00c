"""client.responses against a real worker: at once, streamed, in the background, by pages."""

import asyncio
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.support.openai_client import async_sdk
from tests.support.stack import Stack
from tests.support.waiting import wait_until


def create(client: OpenAI, **changes: Any) -> Any:
    return client.responses.create(
        **{"model": "echo", "input": "hello world ", "max_output_tokens": 12, **changes}
    )


def ended(client: OpenAI, response_id: str) -> Any:
    def look() -> Any:
        response = client.responses.retrieve(response_id)
        return response if response.status not in ("queued", "in_progress") else None

    return wait_until(look, what="the end of the response")


def test_a_response_has_what_the_sdk_reads(client: OpenAI) -> None:
    response = create(client, metadata={"a": "b"}, temperature=0.5, top_p=0.9, user="u")

    assert response.id.startswith("resp_")
    assert (response.object, response.model, response.output_text) == (
        "response",
        "echo",
        "hello world ",
    )
    # Then a limit that was reached shows in this view only
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"
    assert (response.metadata, response.temperature, response.top_p) == ({"a": "b"}, 0.5, 0.9)
    assert (response.max_output_tokens, response.user, response.background) == (12, "u", False)
    assert (response.tools, response.tool_choice, response.error) == ([], "auto", None)
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (12, 12, 24)
    assert usage.output_tokens_details.reasoning_tokens == 0
    (message,) = response.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "incomplete")


def test_instructions_come_before_the_input(client: OpenAI) -> None:
    response = create(client, instructions="Be brief.", input="hi", max_output_tokens=13)

    assert response.instructions == "Be brief."
    assert response.output_text == "Be brief.\n\nhi"


def test_an_output_can_be_sent_back_as_input(client: OpenAI) -> None:
    # Given a first answer
    messages: Any = [{"role": "user", "content": [{"type": "input_text", "text": "ab"}]}]
    first = create(client, input=messages, max_output_tokens=2)
    # When it becomes part of the next input, as the SDK's documentation shows
    messages += first.output
    messages.append({"role": "developer", "content": "cd"})
    second = create(client, input=messages, max_output_tokens=10)
    # Then all of it is there
    assert second.output_text == "ab\n\nab\n\ncd"
    items: Any = client.responses.input_items.list(second.id, order="asc")
    assert [item.role for item in items] == ["user", "assistant", "system"]


def test_a_stream_numbers_its_events_without_a_gap(client: OpenAI) -> None:
    events = list(create(client, stream=True))

    assert [event.sequence_number for event in events] == list(range(5 + 12 + 4))
    assert [events[n].type.removeprefix("response.") for n in (0, 1, 2, 3, 4, -1)] == [
        *("created", "queued", "in_progress", "output_item.added", "content_part.added"),
        "incomplete",
    ]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text == "hello world "
    assert events[-1].response == client.responses.retrieve(events[0].response.id)


def test_a_response_in_the_background_is_polled(client: OpenAI) -> None:
    queued = create(client, background=True)
    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    assert queued.usage is None

    assert ended(client, queued.id).output_text == "hello world "


def test_a_response_in_the_background_is_streamed_from_anywhere(client: OpenAI) -> None:
    # Given a stream of a background response that its client drops in the middle
    seen = []
    with create(client, background=True, stream=True, max_output_tokens=40) as stream:
        for event in stream:
            seen.append(event)
            if event.sequence_number == 20:
                break
    response_id = seen[0].response.id
    # When it comes back with the last number
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=20))
    # Then nothing is missing and nothing comes twice
    numbers = [event.sequence_number for event in [*seen, *rest]]
    assert numbers == list(range(5 + 40 + 4))
    for known in (0, 2, 4, 44, 47):
        tail = client.responses.retrieve(response_id, stream=True, starting_after=known)
        assert [event.sequence_number for event in tail] == numbers[known + 1 :]
    # And afterwards the whole log is still there, the same
    again = list(client.responses.retrieve(response_id, stream=True))
    assert [event.to_json() for event in again[21:]] == [event.to_json() for event in rest]


def test_the_stream_helper_reads_a_response_and_comes_back_to_it(client: OpenAI) -> None:
    with client.responses.stream(
        model="echo", input="hello world ", max_output_tokens=12, background=True
    ) as stream:
        events: list[Any] = list(stream)
    assert events[-1].type == "response.incomplete"

    with client.responses.stream(
        response_id=events[0].response.id,
        starting_after=5,
    ) as stream:
        assert [event.sequence_number for event in stream] == list(range(6, 21))


def test_a_queued_response_shows_its_position(client: OpenAI) -> None:
    # Given three busy slots
    busy = [create(client, max_output_tokens=4000, background=True) for _ in range(3)]
    wait_until(
        lambda: all(client.responses.retrieve(one.id).status == "in_progress" for one in busy),
        what="busy slots",
    )
    # When a stream waits, then it and whoever polls see its place
    with create(client, stream=True) as stream:
        next(stream)
        queued = next(stream)
        assert (queued.type, queued.response.queue["position"]) == ("response.queued", 1)
        polled: Any = client.responses.retrieve(queued.response.id)
        assert polled.queue["position"] == 1
    for one in busy:
        client.responses.cancel(one.id)


def test_cancel_ends_a_response_and_repeats_its_answer(client: OpenAI) -> None:
    response = create(client, background=True, max_output_tokens=400)
    wait_until(
        lambda: client.responses.retrieve(response.id).status == "in_progress", what="its start"
    )

    cancelled = client.responses.cancel(response.id)

    assert (cancelled.status, cancelled.error) == ("cancelled", None)
    assert client.responses.cancel(response.id) == cancelled
    last: Any = list(client.responses.retrieve(response.id, stream=True))[-1]
    assert (last.type, last.response.status) == ("response.failed", "cancelled")


def test_a_deleted_response_is_gone(client: OpenAI) -> None:
    finished = create(client)
    running = create(client, background=True, max_output_tokens=400)

    for response in (finished, running):
        client.responses.delete(response.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(response.id)


def test_a_response_that_is_not_stored_cannot_be_retrieved(client: OpenAI) -> None:
    response = create(client, store=False)
    assert response.output_text == "hello world "

    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_input_items_come_in_pages_newest_first(client: OpenAI) -> None:
    turns: Any = [{"role": "user", "content": f"turn {n}"} for n in range(5)]
    response = create(client, input=turns, max_output_tokens=1, instructions="x")

    items: Any = client.responses.input_items.list(response.id, limit=2)
    assert [item.content[0].text for item in items] == [f"turn {n}" for n in (4, 3, 2, 1, 0)]


def test_what_expired_has_failed_in_this_view(client: OpenAI) -> None:
    # Given busy slots and a response that must start at once
    busy = [create(client, max_output_tokens=4000, background=True) for _ in range(4)]
    late = create(client, background=True, extra_body={"queue_ttl_seconds": 1})
    # When its time is over
    response = ended(client, late.id)
    # Then it failed, and says why
    assert (response.status, response.error.code) == ("failed", "server_error")
    assert "queue_ttl_seconds" in response.error.message
    for one in busy:
        client.responses.cancel(one.id)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"tools": [{"type": "web_search"}]}, "tools"),
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"reasoning": {"effort": "high"}}, "reasoning"),
    ({"truncation": "auto"}, "truncation"),
    ({"include": ["reasoning.encrypted_content"]}, "include.0"),
    ({"background": True, "store": False}, "store"),
    ({"input": [{"type": "function_call_output", "call_id": "1", "output": "x"}]}, "input.0.type"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
        "input.0.content.0.type",
    ),
    ({"extra_body": {"max_tokens": 5}}, "max_tokens"),
]


@pytest.mark.parametrize(("changes", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_what_cannot_be_done_is_refused_by_name(
    client: OpenAI, changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, **changes)

    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")


@pytest.mark.parametrize("response_id", ["resp_unknown", "job/../x", "chat"])
def test_an_unknown_response_is_not_found(client: OpenAI, response_id: str) -> None:
    if response_id == "chat":
        answer = client.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": "x"}], max_tokens=1
        )
        response_id = answer.id
    for verb in (client.responses.retrieve, client.responses.cancel, client.responses.delete):
        with pytest.raises(openai.NotFoundError):
            verb(response_id)


async def streamed_and_polled(stack: Stack) -> tuple[list[int], str]:
    """The asynchronous client, in the background."""
    async with async_sdk(stack) as client:
        stream = await client.responses.create(
            model="echo", input="hello ", max_output_tokens=6, background=True, stream=True
        )
        events: list[Any] = [event async for event in stream]
        response = await client.responses.retrieve(events[0].response.id)
        return [event.sequence_number for event in events], response.output_text


def test_the_asynchronous_client_works_as_well(openai_stack: Stack) -> None:
    numbers, text = asyncio.run(streamed_and_polled(openai_stack))

    assert (numbers, text) == (list(range(15)), "hello ")
