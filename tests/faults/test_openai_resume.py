"""Background responses live through the death of what made them and of what shows them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import openai
import pytest
from openai import OpenAI
from redis import Redis

from common import keys
from tests.support.desk import Desk
from tests.support.echoes import PROMPT, echo, wait_for_tokens
from tests.support.openai_client import sdk
from tests.support.stack import Stack
from tests.support.waiting import wait_until

TOKENS = 60
#: Every event of a response of so many tokens.
WHOLE_LOG = list(range(5 + TOKENS + 4))


@pytest.fixture
def settings() -> dict[str, str]:
    """20 tokens a second: three seconds for a response."""
    return {"ECHO_TOKENS_PER_SECOND": "20", "SSE_KEEPALIVE_SECONDS": "0.2"}


@pytest.fixture
def client(stack: Stack) -> Iterator[OpenAI]:
    stack.start_gateway()
    stack.start_worker()
    stack.wait_until_ready()
    with sdk(stack, max_retries=0) as client:
        yield client


def begin(client: OpenAI) -> Any:
    """A stream of a response in the background."""
    return client.responses.create(
        model="echo", input=PROMPT, max_output_tokens=TOKENS, background=True, stream=True
    )


def text_of(events: list[Any]) -> str:
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


def test_a_stream_goes_on_when_its_worker_is_killed(stack: Stack, client: OpenAI) -> None:
    # Given a stream in the middle
    events = []
    with begin(client) as stream:
        for event in stream:
            events.append(event)
            # When the worker dies, and another one starts
            if event.sequence_number == 20:
                stack.processes["worker"].kill()
                stack.start_worker("second")
    # Then the same stream goes on to the end, without a gap or a repetition
    assert [event.sequence_number for event in events] == WHOLE_LOG
    assert text_of(events) == events[-1].response.output_text == echo(TOKENS)


def test_a_response_outlives_its_gateway(stack: Stack, client: OpenAI, redis: Redis) -> None:
    # Given a stream in the middle, whose gateway is killed
    stream = begin(client)
    events: list[Any] = list(islice(stream, 21))
    stack.processes["gateway"].kill()
    with pytest.raises(openai.APIError):
        events += stream
    response_id, last = events[0].response.id, events[-1].sequence_number
    # When another gateway is there, and the client comes back with the last number it has
    wait_for_tokens(Desk(redis), response_id, TOKENS // 2)
    stack.start_gateway()
    stack.wait_until_ready()
    events += client.responses.retrieve(response_id, stream=True, starting_after=last)
    # Then it gets the rest, once
    assert [event.sequence_number for event in events] == WHOLE_LOG
    assert text_of(events) == echo(TOKENS)
    assert client.responses.retrieve(response_id).output_text == echo(TOKENS)


def ask(client: OpenAI) -> Any:
    """A call that waits for its answer."""
    return client.completions.create(model="echo", prompt=PROMPT, max_tokens=TOKENS)


def test_a_call_whose_gateway_dies_finds_its_job_again(
    stack: Stack, client: OpenAI, redis: Redis
) -> None:
    # Given the SDK, waiting for an answer
    with ThreadPoolExecutor(1) as thread, client.with_options(max_retries=8) as patient:
        answer = thread.submit(ask, patient)
        job_id = str(wait_until(lambda: first_job(redis), what="a job"))
        wait_for_tokens(Desk(redis), job_id, 5)
        # When its gateway is killed, and another one starts once the dead one is missed
        stack.processes["gateway"].kill()
        wait_until(lambda: not redis.keys(keys.gateway("*")), what="the gateway's absence")
        stack.start_gateway()
        # Then one of the SDK's own retries gets the answer of the job that there was
        assert answer.result().id == job_id
    assert redis.zcard(keys.user_jobs("admin")) == 1


def test_a_call_waits_through_an_outage_of_the_store(
    stack: Stack, client: OpenAI, redis: Redis
) -> None:
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(ask, client)
        job_id = str(wait_until(lambda: first_job(redis), what="a job"))
        wait_for_tokens(Desk(redis), job_id, 5)
        # When the store dies under a waiting call, and comes back
        stack.valkey.kill()
        stack.valkey.start()
        # Then the call gets its answer on the connection that it has
        assert (answer.result().id, answer.result().choices[0].text) == (job_id, echo(TOKENS))


def first_job(redis: Redis) -> str | None:
    """The id of the user's only job, once there is one."""
    jobs = redis.zrange(keys.user_jobs("admin"), 0, -1)
    return str(jobs[0]) if jobs else None
