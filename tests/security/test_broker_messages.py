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
from celery import Celery
from redis import Redis

from common.broker import create_celery
from tests.support.logs import records
from tests.support.processes import Process
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until
from tests.support.workers import Witness

DROPPED = "llama_messages_dropped_total"


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


#: What no broker library wrote.
NO_MESSAGES = [
    *("rubbish", "", "5", "null", "[]", "{}", '"text"', "[" * 100_000),
    *(b"\x80\x04\x95", b"\xff\xfe"),
    *('{"properties": {}}', '{"properties": {"delivery_tag": []}}', '{"properties": "none"}'),
    '{"properties": {"delivery_tag": "x", "body_encoding": "base64"}, "body": "é"}',
]


def answers(app: Celery, worker: Process) -> bool:
    """Whether this worker answers a remote command."""
    said = app.control.inspect(timeout=5, limit=2).stats() or {}
    return worker.pid in {stats["pid"] for stats in said.values()}


def thrown_away(process: Process) -> list[dict[str, Any]]:
    return [line for line in records(process) if line["event"] == "a message was thrown away"]


@pytest.mark.parametrize(("queue", "role"), [("q.low", "worker"), ("q.webhooks", "webhooks")])
def test_what_is_no_message_at_all_is_dropped_counted_and_logged(
    stack: Stack, queue: str, role: str
) -> None:
    # Given a worker
    process = stack.processes[role]
    with Redis.from_url(stack.valkey.url, decode_responses=True) as redis:
        witness = Witness(redis)
        wait_until(lambda: witness.about(process), what=f"the beat of {process.name}")
        before = witness.metric(process, DROPPED)
        # When things lie in its queue that no broker library wrote
        redis.rpush(queue, *NO_MESSAGES)
        # Then it throws each of them away, and says so
        wait_until(
            lambda: witness.metric(process, DROPPED) == before + len(NO_MESSAGES),
            what=f"{len(NO_MESSAGES)} dropped messages",
        )
    wait_until(lambda: len(thrown_away(process)) >= len(NO_MESSAGES), what="a line for each")
    # And the same process goes on with its work
    assert process.returncode is None
    with closing(stack.login()) as client:
        job = client.post("/generate", json={"prompt": "one two three "}).json()
        assert finished(client, job)["status"] == "completed"


def test_what_is_no_remote_command_leaves_the_worker_alive(stack: Stack) -> None:
    # Given a worker that hears Celery's remote commands
    worker, app = stack.processes["worker"], create_celery(stack.valkey.url)
    wait_until(lambda: answers(app, worker), what="an answer to ping")
    with Redis.from_url(stack.valkey.url, decode_responses=True) as redis:
        before = Witness(redis).metric(worker, DROPPED)
        # When something comes by their way that no part of Celery published
        for text in ("{}", "5", '{"properties": {}}'):
            assert redis.publish("/0.celery.pidbox", text)
        # Then it is dropped
        wait_until(
            lambda: Witness(redis).metric(worker, DROPPED) == before + 3, what="3 dropped messages"
        )
    # And commands are still obeyed
    assert answers(app, worker)
