"""Every place where the content of files may be, behind the same fixture."""

import asyncio
import sys
import time
import uuid
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.files.s3 import S3Files
from api.files.store import FileStore, LocalFiles
from cli.ports import any_free
from tests.support.batches import chat_line, client_of, ended, jsonl, results, start
from tests.support.processes import Process
from tests.support.stack import Stack
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """moto's S3 server, over HTTP, with a bucket."""
    port = any_free()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("s3") / "moto.log"
    server = Process("moto", [sys.executable, "-m", "moto.server", "-p", str(port)], log)
    try:
        wait_until(lambda: _answers(url), 60, "moto's answer")
        httpx.put(f"{url}/bucket", trust_env=False).raise_for_status()
        yield url
    finally:
        server.stop()


def environment(s3_url: str) -> dict[str, str]:
    """What obstore reads."""
    return {
        "AWS_ENDPOINT_URL": s3_url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


@pytest.fixture(params=["directory", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FileStore:
    if request.param == "directory":
        return LocalFiles(tmp_path)
    for name, value in environment(request.getfixturevalue("s3_url")).items():
        monkeypatch.setenv(name, value)
    return S3Files(f"s3://bucket/{uuid.uuid4().hex}")


def test_what_was_written_piece_by_piece_is_read_as_one(store: FileStore) -> None:
    async def story() -> None:
        await store.write("a", 0, b"0123")
        await store.write("a", 4, b"456789")
        await store.write("b", 0, b"other")
        # Any part of it can be read, within one piece and across two
        assert await content(store, 0, 10) == b"0123456789"
        assert await content(store, 2, 6) == b"2345"
        assert await content(store, 5, 7) == b"56"
        assert await content(store, 8, 99) == b"89"
        assert await content(store, 10, 99) == b""

    play(story())


def test_who_writes_the_same_bytes_again_changes_nothing(store: FileStore) -> None:
    async def story() -> None:
        # Given a gateway that wrote two results and died
        await store.write("a", 0, b"one\ntwo\n")
        # When the next one, which knows of none, gathers three before it writes
        await store.write("a", 0, b"one\ntwo\nthree\n")
        # And a late one writes the first again
        await store.write("a", 0, b"one\n")
        await store.write("a", 14, b"four\n")
        # Then each stands there once
        assert await content(store, 0, 99) == b"one\ntwo\nthree\nfour\n"

    play(story())


def test_a_deleted_file_is_gone_and_no_other(store: FileStore) -> None:
    async def story() -> None:
        await store.write("a", 0, b"x")
        await store.write("a", 1, b"y")
        await store.write("b", 0, b"z")
        await store.delete("a")
        await store.delete("a")
        later = time.time() + 100
        assert await store.older_than(50, later) == ["b"]
        assert await store.older_than(1000, later) == []

    play(story())


def test_a_batch_runs_on_files_in_an_object_store(s3_url: str, tmp_path: Path) -> None:
    # Given a service whose files are in S3
    settings = {**environment(s3_url), "FILES_URL": "s3://bucket/service"}
    stack = Stack(tmp_path, ENGINE="echo", **settings)
    try:
        stack.start()
        # When a batch is run
        sdk = client_of(stack)
        batch = ended(sdk, start(sdk, jsonl(chat_line(number) for number in range(50))).id)
        # Then its results are read from there, and none is on the disk of the gateway
        lines = results(sdk, batch.output_file_id)
        assert {line["custom_id"] for line in lines} == {f"c{number}" for number in range(50)}
        assert len(lines) == 50
        assert not (tmp_path / "files").exists()
    finally:
        stack.stop()


async def content(store: FileStore, start: int, stop: int) -> bytes:
    return b"".join([piece async for piece in store.read("a", start, stop)])


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def _answers(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/moto-api/", trust_env=False).status_code)
    except httpx.TransportError:
        return False
