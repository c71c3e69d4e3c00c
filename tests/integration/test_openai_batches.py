"""Files and batches as the official client uses them."""

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from redis import Redis

from tests.support.batches import (
    CHAT,
    chat_line,
    client_of,
    completed,
    ended,
    jsonl,
    results,
    said,
    start,
    wait_for_lines,
)
from tests.support.gateway import Gateway
from tests.support.stack import Stack
from tests.support.waiting import wait_until


@pytest.fixture
def sdk(echo_stack: Stack) -> openai.OpenAI:
    return client_of(echo_stack)


@pytest.fixture(scope="module")
def slow_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A worker that takes half a second for a line."""
    stack = Stack(tmp_path_factory.mktemp("slow"), ENGINE="echo", ECHO_TOKENS_PER_SECOND="40")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def test_three_hundred_lines_come_back_each_once(sdk: openai.OpenAI) -> None:
    # When a file of 300 lines is run
    batch = start(sdk, jsonl(chat_line(number) for number in range(300)))
    assert (batch.status, batch.endpoint, batch.metadata) == ("validating", CHAT, {"who": "us"})
    batch = ended(sdk, batch.id)
    # Then it has completed, with a time for each step
    assert batch.status == "completed"
    assert batch.error_file_id is None
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (300, 300, 0)
    assert batch.created_at <= batch.in_progress_at <= batch.finalizing_at <= batch.completed_at
    assert batch.expires_at - batch.created_at == 24 * 3600
    assert batch.usage.output_tokens == 1200
    # And each line has its own answer, once
    lines = results(sdk, batch.output_file_id)
    assert sorted(line["custom_id"] for line in lines) == sorted(f"c{n}" for n in range(300))
    assert all(said(line) == f"{int(line['custom_id'][1:]):05d}"[:4] for line in lines)
    assert all(line["response"]["status_code"] == 200 and line["error"] is None for line in lines)


@pytest.mark.parametrize(
    ("endpoint", "body", "kind"),
    [
        ("/v1/completions", {"model": "echo", "prompt": "hi", "max_tokens": 2}, "text_completion"),
        ("/v1/responses", {"model": "echo", "input": "hi", "max_output_tokens": 16}, "response"),
    ],
)
def test_the_other_endpoints_can_be_asked_too(
    sdk: openai.OpenAI, endpoint: str, body: dict[str, object], kind: str
) -> None:
    line = {"custom_id": "a", "method": "POST", "url": endpoint, "body": body}

    batch = ended(sdk, start(sdk, jsonl([line]), endpoint).id)

    (result,) = results(sdk, batch.output_file_id)
    assert result["response"]["body"]["object"] == kind


def test_lines_that_cannot_run_stand_in_the_error_file(sdk: openai.OpenAI) -> None:
    # Given good lines beside bodies with an error each
    lines = [
        chat_line(0),
        chat_line(1, max_tokens=-1),
        chat_line(2, stream=True),
        chat_line(3, tools=[{"type": "function"}]),
        chat_line(4),
    ]
    # When they are run
    batch = ended(sdk, start(sdk, jsonl(lines)).id)
    # Then each error is told under its line, as the endpoint would have told it
    assert batch.status == "completed"
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 3)
    errors = {line["custom_id"]: line["response"] for line in results(sdk, batch.error_file_id)}
    assert set(errors) == {"c1", "c2", "c3"}
    assert all(400 <= response["status_code"] < 500 for response in errors.values())
    params = [errors[name]["body"]["error"]["param"] for name in ("c1", "c2", "c3")]
    assert params == ["max_tokens", "stream", "tools"]


def test_a_file_with_a_broken_line_fails_as_a_whole_and_names_it(sdk: openai.OpenAI) -> None:
    content = jsonl([chat_line(0), chat_line(1)]) + b"{oops\n" + jsonl([chat_line(1)])

    batch = ended(sdk, start(sdk, content).id)

    assert batch.status == "failed"
    assert batch.failed_at
    assert [(error.code, error.line) for error in batch.errors.data] == [
        ("invalid_json_line", 3),
        ("duplicate_custom_id", 4),
    ]
    assert batch.output_file_id is None


def test_a_cancelled_batch_keeps_the_lines_that_had_ended(slow_stack: Stack) -> None:
    # Given a batch of which some lines have ended
    sdk = client_of(slow_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=20) for number in range(60)))
    wait_for_lines(sdk, batch.id, 4)
    # When what there is already is read, it can be
    partial = sdk.batches.retrieve(batch.id)
    assert partial.status == "in_progress"
    assert partial.output_file_id
    early = results(sdk, partial.output_file_id)
    # And when it is cancelled
    assert sdk.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    done = ended(sdk, batch.id)
    # Then what had ended stays, and every other line is told to be cancelled
    assert done.status == "cancelled"
    assert done.cancelling_at <= done.cancelled_at
    kept = results(sdk, done.output_file_id)
    assert kept[: len(early)] == early
    assert 4 <= done.request_counts.completed == len(kept) < 60
    errors = results(sdk, done.error_file_id)
    assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
    together = [line["custom_id"] for line in (*kept, *errors)]
    assert sorted(together) == sorted(f"c{number}" for number in range(60))


def test_a_batch_expires_with_what_it_has(slow_stack: Stack) -> None:
    # Given a batch of which some lines have ended
    sdk = client_of(slow_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=20) for number in range(40)))
    wait_for_lines(sdk, batch.id, 2)
    # When its 24 hours are over
    with Redis.from_url(slow_stack.valkey.url) as redis:
        redis.hset(f"batch:{batch.id}", "expires_ms", "1")
    # Then it is expired, and every line is in one of the two files
    done = ended(sdk, batch.id)
    assert (done.status, done.expired_at is not None) == ("expired", True)
    kept, errors = results(sdk, done.output_file_id), results(sdk, done.error_file_id)
    assert {line["error"]["code"] for line in errors} == {"batch_expired"}
    assert len(kept) >= 2
    assert len(kept) + len(errors) == len({line["custom_id"] for line in (*kept, *errors)}) == 40


def test_a_batch_leaves_room_for_those_who_wait(slow_stack: Stack) -> None:
    # Given a batch that has been fed
    sdk = client_of(slow_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=40) for number in range(200)))
    with Redis.from_url(slow_stack.valkey.url) as redis, slow_stack.login() as client:
        wait_until(lambda: redis.zcard("wait:low") > 0, what="lines in the queue")
        # Then most of it waits outside the queue, and a normal job overtakes it at once
        assert redis.zcard("wait:low") <= 10
        assert redis.zcard("batch:backlog") > 150
        body = {"prompt": "hello there", "max_tokens": 8}
        job = client.post("/generate", json=body, headers={"Prefer": "wait=20"}).json()
        assert job["status"] == "completed"
        lines_before = completed(sdk, batch.id)
        assert lines_before < 20
    sdk.batches.cancel(batch.id)
    ended(sdk, batch.id)


def test_files_are_listed_read_in_parts_and_deleted(sdk: openai.OpenAI) -> None:
    # Given two files
    first = sdk.files.create(file=("a.jsonl", b"0123456789"), purpose="batch")
    second = sdk.files.create(
        file=("b.jsonl", b"x"),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    # Then they are known, the newest first
    assert (first.filename, first.bytes, first.status) == ("a.jsonl", 10, "processed")
    assert second.expires_at is not None
    assert second.expires_at - second.created_at == 3600
    assert [file.id for file in sdk.files.list(purpose="batch", limit=1)][:2] == [
        second.id,
        first.id,
    ]
    # And can be read, whole or in part
    assert sdk.files.content(first.id).content == b"0123456789"
    part = sdk.files.with_raw_response.content(first.id, extra_headers={"Range": "bytes=2-4"})
    assert (part.http_response.status_code, part.http_response.content) == (206, b"234")
    # And are gone once they are deleted
    assert sdk.files.delete(first.id).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.files.content(first.id)


def test_a_file_that_a_batch_needs_cannot_be_deleted(slow_stack: Stack) -> None:
    sdk = client_of(slow_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=40) for number in range(20)))

    with pytest.raises(openai.ConflictError):
        sdk.files.delete(batch.input_file_id)
    sdk.batches.cancel(batch.id)
    ended(sdk, batch.id)
    assert sdk.files.delete(batch.input_file_id).deleted


def test_a_file_is_nobody_elses(gateway: Gateway) -> None:
    with gateway.client("ada") as ada, gateway.client("bob") as bob:
        form = {"files": {"file": ("a", b"x")}, "data": {"purpose": "batch"}}
        file_id = ada.post("/v1/files", **form).json()["id"]  # type: ignore[arg-type]
        assert ada.get(f"/v1/files/{file_id}").status_code == 200
        for method, path in (
            ("GET", f"/v1/files/{file_id}"),
            ("GET", f"/v1/files/{file_id}/content"),
            ("DELETE", f"/v1/files/{file_id}"),
        ):
            assert bob.request(method, path).status_code == 404
        body = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
        assert bob.post("/v1/batches", json=body).status_code == 404
        assert bob.get("/v1/files").json()["data"] == []


def test_a_file_over_the_cap_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    # Given a gateway whose cap is 60 MB
    with Gateway.running(tmp_path, MAX_FILE_BYTES=str(60 * 2**20)) as gateway:
        pid = gateway.stack.processes["gateway"].pid
        with gateway.client(timeout_seconds=60) as client:

            def upload(megabytes: int) -> int:
                content = {"file": ("a", b"x" * (megabytes * 2**20))}
                return client.post(
                    "/v1/files", files=content, data={"purpose": "batch"}
                ).status_code

            upload(1)
            before = resident_mb(pid)
            # When a file within the cap and one beyond it are sent
            assert (upload(59), upload(61)) == (200, 413)
            # Then neither was held in memory, and only the first two are kept
            assert peak_mb(pid) - before < 25
            assert len(list((tmp_path / "files").iterdir())) == 2


def test_a_gateway_serves_the_files_of_another(tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    with Gateway.running(tmp_path, FILES_DIR=shared) as gateway:
        other = Stack(
            tmp_path / "other",
            ENGINE="echo",
            FILES_DIR=shared,
            JWT_SECRET=(tmp_path / "jwt-secret").read_text(),
            REDIS_URL=gateway.stack.valkey.url,
        )
        other.directory.mkdir()
        try:
            other.start_gateway()
            with gateway.client() as client, other.client() as elsewhere:
                elsewhere.headers["Authorization"] = client.headers["Authorization"]
                form = {"files": {"file": ("a", b"content")}, "data": {"purpose": "batch"}}
                file_id = client.post("/v1/files", **form).json()["id"]  # type: ignore[arg-type]
                wait_until(lambda: _answers(other), what="the second gateway")
                assert elsewhere.get(f"/v1/files/{file_id}/content").content == b"content"
        finally:
            other.processes["gateway"].stop()


def _answers(stack: Stack) -> bool:
    try:
        with stack.client() as client:
            return client.get("/livez").is_success
    except Exception:  # noqa: BLE001 - not there yet
        return False


def resident_mb(pid: int) -> float:
    return _status(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def test_results_of_the_two_apis_can_be_told_apart(sdk: openai.OpenAI) -> None:
    batch = ended(sdk, start(sdk, jsonl([chat_line(0)])).id)

    assert batch.id in [one.id for one in sdk.batches.list(limit=5)]
    assert json.loads(sdk.files.content(batch.output_file_id).text)["custom_id"] == "c0"


def test_a_store_of_files_that_fails_is_a_503(tmp_path: Path) -> None:
    # Given a directory for files that is none
    (tmp_path / "no-directory").write_text("")
    with (
        Gateway.running(tmp_path, FILES_DIR=str(tmp_path / "no-directory")) as gateway,
        gateway.client() as client,
    ):
        form = {"files": {"file": ("a", b"x")}, "data": {"purpose": "batch"}}
        # Then the client is told to come back
        answers = [
            client.post("/v1/files", **form),  # type: ignore[arg-type]
            client.post("/generate", json={"prompts": ["one"]}),
        ]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert {answer.json()["error"]["code"] for answer in answers} == {"files-unavailable"}


def test_an_input_that_is_lost_fails_its_lines_and_holds_up_nobody(slow_stack: Stack) -> None:
    # Given a batch in the middle, whose input somebody deletes from the disk
    sdk = client_of(slow_stack)
    batch = start(sdk, jsonl(chat_line(number, tokens=10) for number in range(40)))
    wait_for_lines(sdk, batch.id, 2)
    (slow_stack.directory / "files" / batch.input_file_id).unlink()
    # When another batch is started
    other = start(sdk, jsonl([chat_line(0)]))
    # Then both end, the first with what it has
    assert ended(sdk, other.id).status == "completed"
    done = ended(sdk, batch.id)
    assert done.status == "completed"
    assert done.request_counts.completed >= 2
    assert done.request_counts.completed + done.request_counts.failed == 40
