"""Clients that leave and come back: the SDK's own retries find the job that they made."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from benchmarks.relay import Relay
from common import keys
from tests.support.openai_client import Customer, sdk
from tests.support.stack import Stack
from tests.support.waiting import wait_until

HELLO: Any = [{"role": "user", "content": "hello world "}]
#: A second of the echo engine.
SECOND = 100
#: A job that nobody waits for is cancelled within this.
ABANDONED_WITHIN_SECONDS = 10


@pytest.fixture
def customer(openai_stack: Stack) -> Iterator[Customer]:
    customer = Customer(openai_stack, f"user-{uuid.uuid4().hex[:8]}")
    yield customer
    customer.close()


@pytest.fixture
def cable(openai_stack: Stack) -> Iterator[Relay]:
    cable = Relay(openai_stack.api_port)
    cable.start()
    yield cable
    cable.stop()


def ask(client: openai.OpenAI, **changes: Any) -> Any:
    wanted = {"model": "echo", "messages": HELLO, "max_tokens": SECOND, **changes}
    return client.chat.completions.create(**wanted)


def running(customer: Customer) -> bool:
    return list(customer.jobs().values()) == ["in_progress"]


def test_a_call_cut_while_it_waits_is_retried_into_the_same_job(
    openai_stack: Stack, customer: Customer, cable: Relay
) -> None:
    # Given the SDK as it comes, waiting for an answer
    client = sdk(openai_stack, customer.token, base_url=f"http://127.0.0.1:{cable.port}/v1")
    with ThreadPoolExecutor(1) as thread, client:
        answer = thread.submit(ask, client, max_tokens=2 * SECOND)
        wait_until(lambda: running(customer), what="a running job")
        # When its connection is cut
        cable.cut()
        # Then it tries again by itself, and gets the answer of the only job there ever was
        job_id = answer.result().id
    assert customer.jobs() == {job_id: "completed"}


def test_a_read_timeout_is_retried_into_the_same_job(
    openai_stack: Stack, customer: Customer
) -> None:
    with sdk(openai_stack, customer.token, timeout=0.5, max_retries=8) as client:
        answer = ask(client, max_tokens=2 * SECOND)

    assert customer.jobs() == {answer.id: "completed"}


def test_a_response_is_found_again_as_well(openai_stack: Stack, customer: Customer) -> None:
    with sdk(openai_stack, customer.token, timeout=0.5, max_retries=8) as client:
        response = client.responses.create(
            model="echo", input="hello world ", max_output_tokens=2 * SECOND
        )

    assert customer.jobs() == {response.id: "completed"}


def test_ten_equal_calls_that_are_all_cut_get_ten_answers(
    openai_stack: Stack, customer: Customer, cable: Relay
) -> None:
    # Given ten equal calls that wait for as many answers
    client = sdk(openai_stack, customer.token, base_url=f"http://127.0.0.1:{cable.port}/v1")
    with ThreadPoolExecutor(10) as threads, client:
        calls = [
            threads.submit(ask, client, max_tokens=SECOND // 2, temperature=1) for _ in range(10)
        ]
        wait_until(lambda: len(customer.jobs()) == len(calls), what="ten jobs")
        jobs = set(customer.jobs())
        # When all of them are cut, then each of them gets one of the ten answers
        cable.cut()
        assert {call.result().id for call in calls} == jobs
    assert list(customer.jobs().values()) == ["completed"] * 10


def test_a_retry_never_gets_an_answer_that_somebody_has(
    openai_stack: Stack, customer: Customer
) -> None:
    with sdk(openai_stack, customer.token) as client:
        answered = ask(client, max_tokens=5)
        retried = ask(client, max_tokens=5, extra_headers={"x-stainless-retry-count": "1"})

    assert list(customer.jobs()) == [answered.id, retried.id]


def test_a_key_gives_the_same_answer_again(openai_stack: Stack, customer: Customer) -> None:
    header = {"extra_headers": {"Idempotency-Key": "order-1"}, "max_tokens": 5}
    with sdk(openai_stack, customer.token) as client:
        first, again = ask(client, **header), ask(client, **header)
        assert first == again
        assert list(customer.jobs()) == [first.id]
        # And it stands for this body on this route only
        with pytest.raises(openai.UnprocessableEntityError):
            ask(client, temperature=0.5, **header)
        other = client.completions.create(
            model="echo",
            prompt="abc",
            max_tokens=1,
            extra_headers={"Idempotency-Key": "order-1"},
        )
        assert other.id not in (first.id, again.id)


def test_a_keyed_call_that_was_cut_goes_on_under_its_key(
    openai_stack: Stack, customer: Customer
) -> None:
    with sdk(openai_stack, customer.token, timeout=0.5, max_retries=8) as client:
        headers = {"Idempotency-Key": "order-2"}
        answer = ask(client, max_tokens=2 * SECOND, extra_headers=headers)

    assert customer.jobs() == {answer.id: "completed"}


def test_a_client_that_does_not_come_back_is_not_worked_for(
    openai_stack: Stack, customer: Customer
) -> None:
    client = sdk(openai_stack, customer.token, timeout=0.5, max_retries=0)
    with client, pytest.raises(openai.APITimeoutError):
        ask(client, max_tokens=20 * SECOND)

    wait_until(
        lambda: list(customer.jobs().values()) == ["cancelled"],
        ABANDONED_WITHIN_SECONDS,
        "the end of the job",
    )


def test_a_client_that_never_retries_frees_its_slot_at_once(
    openai_stack: Stack, customer: Customer
) -> None:
    # Given a plain HTTP client, which says nothing of retries
    body = {"model": "echo", "messages": HELLO, "max_tokens": 20 * SECOND}
    headers = {"Authorization": f"Bearer {customer.token}"}
    with openai_stack.client(timeout_seconds=0.5) as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=body, headers=headers)

    # Then its job ends before one would of whom retries are known
    wait_until(
        lambda: list(customer.jobs().values()) == ["cancelled"],
        keys.RETRY_SECONDS,
        "the end of the job",
    )


def test_a_client_may_leave_its_job_to_go_on(openai_stack: Stack, customer: Customer) -> None:
    wish = {"on_disconnect": "continue"}
    client = sdk(openai_stack, customer.token, timeout=0.5, max_retries=0)
    with client, pytest.raises(openai.APITimeoutError):
        ask(client, max_tokens=2 * SECOND, extra_body=wish)

    wait_until(lambda: list(customer.jobs().values()) == ["completed"], what="the job's end")


@pytest.mark.parametrize(("background", "status"), [(False, "cancelled"), (True, "completed")])
def test_a_stream_that_is_closed_ends_its_job_unless_it_runs_in_the_background(
    openai_stack: Stack, customer: Customer, background: bool, status: str
) -> None:
    with sdk(openai_stack, customer.token) as client:
        stream = client.responses.create(
            model="echo",
            input="hello world ",
            max_output_tokens=SECOND,
            stream=True,
            background=background,
        )
        next(event for event in stream if event.type == "response.output_text.delta")
        stream.close()

    wait_until(lambda: list(customer.jobs().values()) == [status], what=f"a {status} job")


def test_a_job_that_somebody_else_cancels_is_a_conflict_and_not_retried(
    openai_stack: Stack, customer: Customer
) -> None:
    with ThreadPoolExecutor(1) as thread, sdk(openai_stack, customer.token) as client:
        answer = thread.submit(ask, client, max_tokens=20 * SECOND)
        wait_until(lambda: running(customer), what="a running job")
        (job_id,) = customer.jobs()
        headers = {"Authorization": f"Bearer {customer.token}"}
        with openai_stack.client() as native:
            assert native.delete(f"/jobs/{job_id}", headers=headers).is_success

        with pytest.raises(openai.ConflictError) as caught:
            answer.result()
    assert caught.value.code == "cancelled"
    assert customer.jobs() == {job_id: "cancelled"}


def test_a_job_that_ran_too_long_fails_and_is_not_retried(
    openai_stack: Stack, customer: Customer
) -> None:
    client = sdk(openai_stack, customer.token)
    with client, pytest.raises(openai.InternalServerError) as caught:
        ask(client, max_tokens=20 * SECOND, extra_body={"timeout_seconds": 1})

    assert (caught.value.status_code, caught.value.code) == (504, "timeout")
    assert list(customer.jobs().values()) == ["failed"]


def test_a_stream_of_a_job_that_fails_raises_in_the_client(
    openai_stack: Stack, customer: Customer
) -> None:
    with sdk(openai_stack, customer.token) as client:
        stream = ask(client, max_tokens=20 * SECOND, stream=True, extra_body={"timeout_seconds": 1})
        with pytest.raises(openai.APIError, match="timeout_seconds") as caught:
            list(stream)
    assert caught.value.code == "timeout"
