"""A gateway that dies while it feeds a batch and writes its results."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from tests.support.batches import (
    chat_line,
    client_of,
    ended,
    jsonl,
    results,
    said,
    start,
    wait_for_lines,
)
from tests.support.stack import Stack
from tests.support.waiting import wait_until

LINES = 240


@pytest.fixture
def whole_stack(tmp_path: Path) -> Iterator[Stack]:
    """Gateway, maintenance and a worker that ends some 60 lines a second."""
    stack = Stack(tmp_path, ENGINE="echo", ECHO_TOKENS_PER_SECOND="200")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def restart_gateway(stack: Stack) -> None:
    stack.processes["gateway"].kill()
    stack.start_gateway()
    stack.wait_until_ready()


def test_a_gateway_killed_again_and_again_loses_no_line_and_writes_none_twice(
    whole_stack: Stack,
) -> None:
    # Given a batch that is being fed and written
    sdk = client_of(whole_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=10) for number in range(LINES)))
    for progress in (10, 80, 150):
        # When its gateway is killed in the middle, three times
        wait_for_lines(sdk, batch.id, progress, 40)
        restart_gateway(whole_stack)
    done = ended(sdk, batch.id, 60)
    # Then each line has run once and stands in the output once, whole and with its own answer
    assert done.status == "completed"
    assert done.request_counts.completed == LINES
    lines = results(sdk, done.output_file_id)
    assert len(lines) == LINES
    assert {line["custom_id"]: said(line) for line in lines} == {
        f"c{number}": f"{number:05d} said" for number in range(LINES)
    }
    assert done.usage.output_tokens == 10 * LINES
    # And nothing is left of it in the queue
    with httpx.Client(base_url=whole_stack.base_url, trust_env=False) as client:
        assert client.get("/readyz").is_success


def test_a_worker_killed_in_a_batch_costs_time_and_no_line(whole_stack: Stack) -> None:
    # Given a batch in the middle
    sdk = client_of(whole_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=10) for number in range(60)))
    wait_for_lines(sdk, batch.id, 10)
    # When the worker is killed and another is started
    whole_stack.processes["worker"].kill()
    whole_stack.start_worker("second")
    done = ended(sdk, batch.id, 60)
    # Then all lines have completed, each once
    assert (done.status, done.request_counts.completed) == ("completed", 60)
    assert len({line["custom_id"] for line in results(sdk, done.output_file_id)}) == 60


def test_a_batch_outlives_a_restart_of_the_store(whole_stack: Stack) -> None:
    # Given a batch in the middle
    sdk = client_of(whole_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=10) for number in range(90)))
    wait_for_lines(sdk, batch.id, 20)
    # When the store is killed and started again
    whole_stack.valkey.kill()
    whole_stack.valkey.start()
    # Then the batch goes on to its end

    def over() -> bool:
        try:
            return sdk.batches.retrieve(batch.id).status == "completed"
        except openai.InternalServerError:
            return False

    wait_until(over, 60, "the end of the batch")
    done = sdk.batches.retrieve(batch.id)
    lines = results(sdk, done.output_file_id)
    assert len(lines) == len({line["custom_id"] for line in lines}) == 90
