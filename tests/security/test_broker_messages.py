"""Whatever lies in a queue: a doorbell in JSON is obeyed, anything else is thrown away."""

import base64
import json
import pickle
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from common.broker import create_celery
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("broker"), ENGINE="echo")
    try:
        stack.start()
        stack.start_webhooks()
        yield stack
    finally:
        stack.stop()


class Trap:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self._trace,)


def message(body: bytes, content_type: str, **headers: Any) -> str:
    """As Celery writes one, but for what is in it."""
    tag = str(uuid.uuid4())
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-type": content_type,
            "content-encoding": "binary",
            "headers": {"task": "generate", "id": tag, "lang": "py", "argsrepr": "()", **headers},
            "properties": {
                "correlation_id": tag,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "q.normal"},
                "body_encoding": "base64",
                "delivery_tag": tag,
            },
        }
    )


def hostile(trace: Path) -> dict[str, str]:
    """What a stranger in the store could put into a queue."""
    trap = pickle.dumps(((Trap(trace),), {}, {}))
    yaml = f"!!python/object/apply:os.system ['touch {trace}']".encode()
    args = [[f"__import__('os').system('touch {trace}')"], {}, {}]
    return {
        "a pickle": message(trap, "application/x-python-serialize"),
        "a pickle that says it is JSON": message(trap, "application/json"),
        "yaml": message(yaml, "application/x-yaml"),
        "msgpack": message(b"\x93\x90\x80\x80", "application/x-msgpack"),
        "an unknown type": message(b"[]", "application/x-unknown"),
        "no type": message(b"[]", ""),
        "JSON that is no task's": message(b'{"a": 1}', "application/json"),
        "JSON cut short": message(b"[[", "application/json"),
        "another task": message(
            json.dumps([["x"], {}, {}]).encode(), "application/json", task="os.system"
        ),
        "an id that is none": message(json.dumps(args).encode(), "application/json"),
        "many arguments": message(json.dumps([["a"] * 99, {}, {}]).encode(), "application/json"),
        "a huge id": message(json.dumps([["a" * 100_000], {}, {}]).encode(), "application/json"),
        "a compressed bomb": message(b"[]", "application/json", compression="application/x-gzip"),
    }


def test_celery_knows_json_and_nothing_else() -> None:
    conf = create_celery("redis://unused").conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == conf.event_serializer == conf.result_serializer == "json"
    assert conf.result_accept_content in (None, ["json"])


@pytest.mark.parametrize(
    ("queue", "role"), [("q.normal", "worker"), ("q.urgent", "worker"), ("q.webhooks", "webhooks")]
)
def test_a_strange_message_is_refused_and_the_worker_lives(
    stack: Stack, tmp_path: Path, queue: str, role: str
) -> None:
    # Given a worker, and messages that no part of the service would write
    trace = tmp_path / "it-ran"
    process = stack.processes[role]
    with Redis.from_url(stack.valkey.url) as redis:
        for text in hostile(trace).values():
            redis.lpush(queue, text)
        # When it has taken them
        wait_until(lambda: redis.llen(queue) == 0, what=f"an empty {queue}")
    # Then nothing of them ran, and the same process goes on with its work
    with closing(stack.login()) as client:
        job = client.post("/generate", json={"prompt": "one two three "}).json()
        assert finished(client, job)["status"] == "completed"
    assert process.returncode is None
    assert not trace.exists()


@pytest.mark.parametrize("text", ["rubbish", "{}", "\x80\x04\x95"])
def test_what_is_no_message_at_all_costs_no_job(stack: Stack, text: str) -> None:
    # Given something in a queue that no broker library wrote
    with Redis.from_url(stack.valkey.url) as redis:
        redis.lpush("q.normal", text)
    worker = stack.processes["worker"]
    # Then jobs are still done, by this worker or, as under a supervisor, by its next life
    with closing(stack.login()) as client:
        job = client.post("/generate", json={"prompt": "one two three "}).json()

        def over() -> bool:
            ended = client.get(job["urls"]["self"]).json()["status"] == "completed"
            return ended or worker.returncode is not None

        wait_until(over, what="the job's end or the worker's")
        if worker.returncode is not None:
            stack.start_worker()
        assert finished(client, job, 60)["status"] == "completed"
