"""A stack is saved while it works, and comes back on another, empty machine."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from cli.backup.archive import writing
from tests.support.batches import chat_line, jsonl
from tests.support.sink import OK, Reply, Sink
from tests.support.stack import INHERITED, ROOT, Stack, finished
from tests.support.valkey import ValkeyServer
from tests.support.waiting import wait_until

#: Seconds between attempts at a webhook: many soon ones.
RETRIES = ",".join(["0", *["2"] * 60])


@contextmanager
def machine(state: Path) -> Iterator[Stack]:
    """A stack whose store is where `make run` has it."""
    (state / "valkey").mkdir(parents=True, exist_ok=True)
    networks = {"WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8", "WEBHOOK_RETRY_SCHEDULE": RETRIES}
    stack = Stack(state, ENGINE="echo", **networks)
    stack.valkey = ValkeyServer(state / "valkey")
    stack.env["REDIS_URL"] = stack.valkey.url
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def run(
    command: Sequence[object], state: Path, redis_port: int
) -> subprocess.CompletedProcess[str]:
    """A command on the machine whose state is there."""
    given = {"STATE_DIR": str(state), "REDIS_PORT": str(redis_port)}
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**inherited, **given},
        capture_output=True,
        text=True,
        check=False,
    )


def cli(*arguments: object) -> Sequence[object]:
    return (sys.executable, "-m", "cli", *arguments)


def submit(client: httpx.Client, prompt: str, **more: Any) -> Any:
    answer = client.post("/generate", json={"prompt": prompt, "max_tokens": 4, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    sink.start()
    yield sink
    sink.stop()


def test_jobs_results_users_files_and_webhooks_come_back_on_an_empty_machine(
    tmp_path: Path, sink: Sink
) -> None:
    old, new, archive = tmp_path / "old", tmp_path / "new", tmp_path / "backup.tar.gz"
    with machine(old) as stack, closing(stack.login()) as admin:
        # Given a finished job, a user, a file, a webhook whose receiver is away,
        done = finished(admin, submit(admin, "one two "))
        user = {"username": "grace", "password": "correct horse battery"}
        assert admin.post("/admin/users", json=user).is_success
        upload: Any = {"file": ("in.jsonl", jsonl([chat_line(1)])), "purpose": (None, "batch")}
        file_id = admin.post("/v1/files", files=upload).json()["id"]
        secret = admin.get("/webhooks/secret").json()["secret"]
        sink.behave = lambda _: Reply(503)
        told = finished(admin, submit(admin, "three ", webhook_url=sink.url))
        stack.start_webhooks()
        wait_until(lambda: sink.receipts, what="a failed attempt")
        # and a job that nobody runs
        stack.processes["worker"].stop()
        waiting = submit(admin, "four ")
        token = admin.headers["Authorization"]

        # When the stack is saved while it works, and its machine is lost
        saved = run(["make", "backup", f"TO={archive}"], old, stack.valkey.port)
        assert saved.returncode == 0, saved.stderr
        assert "keep it private" in saved.stdout

    # and the backup is put into an empty one
    restored = run(["make", "restore", f"FROM={archive}"], new, 1)
    assert restored.returncode == 0, restored.stderr
    sink.behave = lambda _: OK
    sink.receipts.clear()
    with machine(new) as stack, closing(stack.client()) as client:
        stack.start_webhooks()
        # Then the token of before is still good, the result and the file are there,
        client.headers["Authorization"] = token
        assert client.get(done["urls"]["self"]).json()["result"] == done["result"]
        assert client.get(f"/v1/files/{file_id}/content").content == jsonl([chat_line(1)])
        # the waiting job is run, the user logs in,
        assert finished(client, waiting)["status"] == "completed"
        stack.login("grace", "correct horse battery").close()
        # and the delivery arrives, signed with the secret that its receiver knows
        assert client.get("/webhooks/secret").json()["secret"] == secret
        receipt = wait_until(lambda: told_of(sink, told["id"]), what="the webhook")
        assert Webhook(secret).verify(receipt.body, dict(receipt.headers))


def told_of(sink: Sink, job_id: str) -> Any:
    return next((r for r in list(sink.receipts) if job_id.encode() in r.body), None)


def test_a_second_restore_needs_force_and_keeps_what_it_replaces(tmp_path: Path) -> None:
    # Given a saved stack
    state, archive = tmp_path / "state", tmp_path / "backup.tar.gz"
    server = ValkeyServer(_directory(state / "valkey"))
    (state / "jwt-secret").write_text("of then")
    server.start()
    assert run(cli("backup", archive), state, server.port).returncode == 0
    server.stop()
    (state / "jwt-secret").write_text("of now")

    # When it is restored over itself, Then it is refused unless it is forced
    refused = run(cli("restore", archive), state, 1)
    assert (refused.returncode != 0, "FORCE=1" in refused.stderr) == (True, True)
    assert (state / "jwt-secret").read_text() == "of now"
    forced = run(cli("restore", archive, "--force"), state, 1)
    assert forced.returncode == 0, forced.stderr
    assert (state / "jwt-secret").read_text() == "of then"
    (before,) = (state / "replaced").iterdir()
    assert (before / "jwt-secret").read_text() == "of now"
    assert (before / "valkey").is_dir()


def test_without_a_running_store_there_is_no_backup(tmp_path: Path) -> None:
    result = run(cli("backup"), tmp_path, 1)

    assert result.returncode != 0
    assert "No backup" in result.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_snapshot_that_the_server_cannot_read_changes_nothing(tmp_path: Path) -> None:
    # Given a backup whose snapshot is not one, though it is the one that was saved
    (tmp_path / "rdb").write_bytes(b"REDIS0011" + base64.b64encode(os.urandom(300)))
    with writing(tmp_path / "a.tar.gz") as out:
        out.add(tmp_path / "rdb", "valkey/dump.rdb")
        out.close({})

    result = run(cli("restore", tmp_path / "a.tar.gz"), tmp_path / "state", 1)

    assert result.returncode != 0
    assert "refuses the snapshot of an unknown server" in result.stderr
    assert list((tmp_path / "state").iterdir()) == []


def _directory(path: Path) -> Path:
    path.mkdir(parents=True)
    return path
