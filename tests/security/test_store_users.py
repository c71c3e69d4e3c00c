"""Each process as its own user of the store: it can do all of its work, and nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from cli.ports import any_free
from cli.store_users import TEMPLATE, PasswordMissing, render, users_of
from cli.valkey import find_server
from common import account_keys, keys
from tests.support.batches import chat_line, client_of, completed, ended, jsonl, native_ended, start
from tests.support.processes import Process
from tests.support.sink import Sink
from tests.support.stack import ROOT, Stack, finished
from tests.support.store_users import NAMES, PASSWORDS, address
from tests.support.waiting import wait_until

FLOWER = ("caravan", "a-password-of-this-test")


class GuardedStack(Stack):
    """Its processes log in to the store, each as the user of its role."""

    each_its_user = True


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All roles; stopping it fails if the server refused any of them anything."""
    settings = {
        "DRAIN_SECONDS": "1",
        "ECHO_TOKENS_PER_SECOND": "200",
        "LEASE_SECONDS": "2",
        "BEAT_SECONDS": "0.5",
        "SWEEP_SECONDS": "0.5",
        "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    stack = GuardedStack(tmp_path_factory.mktemp("guarded"), ENGINE="echo", **settings)
    try:
        stack.start()
        stack.start_webhooks()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def admin(stack: Stack) -> Iterator[httpx.Client]:
    with stack.login() as client:
        yield client


def submit(client: httpx.Client, **changes: Any) -> Any:
    answer = client.post("/generate", json={"prompt": "one two three", **changes})
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_jobs_run_stream_wait_and_are_cancelled(stack: Stack, admin: httpx.Client) -> None:
    assert finished(admin, submit(admin, max_tokens=5))["status"] == "completed"
    waited = admin.post(
        "/generate", json={"prompt": "x y"}, headers={"Prefer": "wait=20", "Idempotency-Key": "k"}
    )
    assert waited.json()["status"] == "completed"
    streamed = submit(admin, max_tokens=20)
    assert "event: done" in admin.get(f"/jobs/{streamed['id']}/events").text
    running = submit(admin, max_tokens=2000)
    assert admin.delete(f"/jobs/{running['id']}").json()["status"] == "cancelled"
    for priority in ("urgent", "high", "low"):
        assert finished(admin, submit(admin, priority=priority))["status"] == "completed"
    assert admin.get("/jobs").json()["data"]


def test_a_worker_dies_and_its_job_goes_on(stack: Stack, admin: httpx.Client) -> None:
    # Given a running job, whose worker is killed
    job = submit(admin, max_tokens=400, priority="urgent")
    wait_until(lambda: admin.get(job["urls"]["self"]).json()["status"] == "in_progress")
    stack.processes["worker"].kill()
    # When maintenance has rescued it, and another worker is there
    stack.start_worker()
    # Then it completes
    assert finished(admin, job)["status"] == "completed"


def test_batches_files_and_responses(stack: Stack, admin: httpx.Client) -> None:
    native = admin.post("/generate", json={"prompts": ["a b", "c d", "e f"]}).json()
    assert native_ended(admin, native)["status"] == "completed"
    with client_of(stack) as openai:
        batch = ended(openai, start(openai, jsonl(chat_line(n) for n in range(3))).id)
        assert completed(openai, batch.id) == 3
        response = openai.responses.create(model="echo", input="hello there")
        assert openai.responses.retrieve(response.id).status in ("completed", "incomplete")


def test_webhooks_are_sent_and_replayed(stack: Stack, admin: httpx.Client) -> None:
    sink = Sink()
    sink.start()
    try:
        made = admin.post("/webhooks/endpoints", json={"url": sink.url})
        assert made.status_code == 201, made.text
        assert admin.get("/webhooks/secret").is_success
        submit(admin, webhook_url=sink.url)
        wait_until(lambda: len(sink.receipts) >= 2, what="two receipts")
        wait_until(
            lambda: (
                {d["status"] for d in admin.get("/webhooks/deliveries").json()["data"]}
                == {"succeeded"}
            ),
            what="two deliveries",
        )
        delivery = admin.get("/webhooks/deliveries").json()["data"][0]
        assert admin.post(f"/webhooks/deliveries/{delivery['id']}/replay").is_success
        wait_until(lambda: len(sink.receipts) >= 3, what="the replay")
        assert admin.post(f"/webhooks/endpoints/{made.json()['id']}/test").is_success
        assert admin.post("/webhooks/secret").is_success
        assert admin.delete(f"/webhooks/endpoints/{made.json()['id']}").is_success
    finally:
        sink.stop()


def test_accounts_are_administered(stack: Stack, admin: httpx.Client) -> None:
    body = {"username": "grace", "password": "a long sentence"}
    assert admin.post("/admin/users", json=body).is_success
    with stack.login("grace", "a long sentence") as grace:
        key = grace.post("/auth/keys", json={"name": "k"}).json()
        assert grace.get("/jobs", headers={"Authorization": f"Bearer {key['key']}"}).is_success
        assert grace.delete(f"/auth/keys/{key['id']}").is_success
        assert grace.get("/usage").is_success
        assert grace.post("/auth/logout").is_success
    assert admin.patch("/admin/users/grace", json={"max_jobs": 3}).is_success
    assert admin.delete("/admin/users/grace").is_success
    for path in ("/admin/stats", "/admin/users", "/admin/dead", "/status", "/status/history"):
        assert admin.get(path).is_success, path
    for path in ("/health", "/readyz", "/metrics", "/model/info", "/usage"):
        assert admin.get(path).is_success, path


def test_models_are_reloaded_and_warmed(stack: Stack, admin: httpx.Client) -> None:
    assert admin.post("/admin/warmup").is_success
    assert admin.post("/admin/reload", json={}).is_success
    wait_until(
        lambda: stack.processes["worker"].output().count("model loaded") >= 2, what="a second load"
    )
    assert finished(admin, submit(admin))["status"] == "completed"


def test_the_dead_are_redriven(stack: Stack, admin: httpx.Client) -> None:
    job = finished(admin, submit(admin, max_tokens=4000, timeout_seconds=1))
    assert job["status"] == "failed"
    dead = admin.get("/admin/dead").json()["data"]
    if dead:
        assert admin.post(f"/admin/dead/{dead[0]['id']}/redrive").is_success


def test_flower_shows_workers_and_revokes(stack: Stack, admin: httpx.Client) -> None:
    port = any_free()
    url = address(stack.valkey, "flower")
    env = {
        **stack.env,
        "FLOWER_PORT": str(port),
        "FLOWER_PASSWORD": FLOWER[1],
        "REDIS_URL": url,
    }
    command = [sys.executable, "-m", "cli", "flower"]
    process = Process("flower", command, stack.directory / "flower.log", env)
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, auth=FLOWER, timeout=60, trust_env=False) as flower:
        try:
            wait_until(lambda: _answer(flower, "/api/workers?refresh=true"), what="its workers")
            job = submit(admin, max_tokens=3000)
            known = f"/api/task/info/{job['id']}"
            wait_until(lambda: (_answer(flower, known) or {}).get("state") == "STARTED")
            assert flower.post(f"/api/task/revoke/{job['id']}?terminate=true").is_success
            assert finished(admin, job)["status"] == "cancelled"
            assert _answer(flower, "/api/queues/length")["active_queues"]
        finally:
            process.stop()


def _answer(client: httpx.Client, path: str) -> Any:
    try:
        answer = client.get(path)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None


def as_user(stack: Stack, name: str) -> "Redis":
    return Redis.from_url(address(stack.valkey, name), decode_responses=True)


#: What KEDA's redis scaler sends (pkg/scalers/redis_scaler.go).
KEDA_SCRIPT = """
local listName = KEYS[1]
local listType = redis.call('type', listName).ok
local cmd = { zset = 'zcard', set = 'scard', list = 'llen', hash = 'hlen', none = 'llen' }
return redis.call(cmd[listType], listName)
"""


@pytest.mark.parametrize(
    "key", ["wait:urgent", "wait:low", "leases", "batch:backlog", "q.webhooks"]
)
def test_keda_counts_what_it_scales_on(stack: Stack, key: str) -> None:
    with as_user(stack, "keda") as keda:
        assert keda.eval(KEDA_SCRIPT, 1, key) >= 0


#: What nobody needs to do their work.
FOR_OPERATORS = [
    *("FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET *", "CONFIG SET maxmemory 1", "SHUTDOWN"),
    *("MONITOR", "ACL LIST", "ACL SETUSER x", "SAVE", "BGREWRITEAOF"),
    *("REPLICAOF a 1", "CLIENT KILL TYPE normal", "CLIENT LIST", "SLOWLOG GET", "SWAPDB 0 1"),
    *("MODULE LIST", "FUNCTION FLUSH", "SCRIPT FLUSH", "SCAN 0", "RANDOMKEY", "DUMP job:1"),
    *("MIGRATE h 1 job:1 0 1", "RESTORE job:1 0 x", "CLUSTER INFO", "FAILOVER", "SORT jobs:ada"),
]

#: By user, what others need: the last column of the table in docs/security.md.
OF_OTHERS = {
    "gateway": [
        *("HSET worker:1 state ready", "SET tick 1", "SADD _kombu.binding.x y", "EVAL x 0"),
        *("BRPOP q.urgent 1", "HGETALL unacked", "PUBLISH /0.celery.pidbox x"),
        *("PSUBSCRIBE *", "SET unknown 1", "RPUSH q.other x"),
    ],
    "inference": [
        *("HGETALL user:admin", "HSET user:admin role admin", "GET revoked:ada", "EVAL x 0"),
        *("HGETALL session:1", "HGETALL apikey:1", "SMEMBERS apikeys:ada", "HGETALL login:x"),
        *("HGETALL whsec:ada", "HSET endpoint:1 url x", "HGETALL file:1", "ZRANGE users 0 -1"),
        *("SUBSCRIBE other", "SET unknown 1"),
    ],
    "webhooks": [
        *("HGETALL job:1", "ZADD wait:urgent 1 x", "LPUSH q.urgent x", "ZREM leases x"),
        *("HGETALL user:admin", "HGETALL session:1", "HGETALL apikey:1", "HGETALL file:1"),
        *("PUBLISH events x", "PUBLISH orders x", "PUBLISH commands x", "SUBSCRIBE events"),
        *("HGETALL batch:1", "XRANGE ev:1 - +", "EVAL x 0"),
    ],
    "maintenance": [
        *("HGETALL user:admin", "HGETALL session:1", "HGETALL apikey:1", "HGETALL whsec:ada"),
        *("BRPOP q.urgent 1", "HGETALL unacked", "PUBLISH commands x", "SUBSCRIBE events"),
        *("HGETALL file:1", "SET reload:wanted x", "EVAL x 0"),
    ],
    "flower": [
        *("HGETALL job:1", "XRANGE ev:1 - +", "ZRANGE wait:urgent 0 -1", "ZCARD leases"),
        *("LPUSH q.urgent x", "RPOP q.urgent", "LRANGE q.urgent 0 -1", "DEL q.urgent"),
        *("HGETALL user:admin", "HGETALL hook:1", "HDEL unacked x", "BRPOP q.urgent 1"),
        *("SUBSCRIBE events", "PUBLISH commands x", "PUBLISH orders x"),
    ],
    "keda": [
        *("ZADD wait:urgent 1 x", "ZRANGE wait:urgent 0 -1", "DEL leases", "HGETALL job:1"),
        *("LRANGE q.webhooks 0 -1", "ZCARD dead", "TYPE job:1", "ZCARD jobs:ada", "EVALSHA x 0"),
        *("SCRIPT LOAD x", "PUBLISH events x", "SUBSCRIBE events", "LLEN q.urgent", "INFO"),
    ],
}


@pytest.mark.parametrize("user", OF_OTHERS)
def test_nobody_gets_what_is_not_theirs(stack: Stack, user: str) -> None:
    # Given a user of the store, to whom nothing was refused before
    assert stack.users
    assert stack.users.refused(stack.valkey.url) == []
    with as_user(stack, user) as client:
        assert client.ping()
        for command in [*FOR_OPERATORS, *OF_OTHERS[user]]:
            # When it tries what it has no use for, then it is refused
            with pytest.raises(NoPermissionError):
                client.execute_command(*command.split())
    with Redis.from_url(stack.valkey.url) as tests:
        tests.acl_log_reset()


@pytest.mark.parametrize("url", ["redis://gateway:wrong@", "redis://nobody:x@"])
def test_a_wrong_password_opens_nothing(stack: Stack, url: str) -> None:
    with (
        Redis.from_url(f"{url}127.0.0.1:{stack.valkey.port}/0") as client,
        pytest.raises(RedisError, match="(?i)password"),
    ):
        client.ping()


def keys_of_the_product() -> list[str]:
    """A name of every key that the two pages of keys can make."""
    constants = [
        value
        for page in (keys, account_keys)
        for name, value in vars(page).items()
        if name.isupper() and isinstance(value, str) and not name.endswith("CHANNEL")
    ]
    made = [
        function(*("1" for _ in range(function.__code__.co_argcount)))
        for page in (keys, account_keys)
        for name, function in vars(page).items()
        if callable(function) and getattr(function, "__module__", "") == page.__name__
    ]
    return [*constants, *made]


def test_the_gateway_knows_every_key_of_the_product(stack: Stack) -> None:
    with Redis.from_url(stack.valkey.url) as tests:
        for key in keys_of_the_product():
            allowed = tests.execute_command("ACL", "DRYRUN", "gateway", "TYPE", key)
            assert allowed == b"OK", f"{key}: {allowed!r}"


def test_the_container_and_the_command_line_write_the_same_users(tmp_path: Path) -> None:
    # Given the server that start.sh is to become, replaced by one that does nothing
    script = ROOT / "compose" / "valkey" / "start.sh"
    env = {**PASSWORDS, "ACL_FILE": str(tmp_path / "users.acl"), "VALKEY_SERVER": "true"}
    # When it has rendered its users
    subprocess.run(["sh", script], env={"PATH": "/usr/bin:/bin", **env}, check=True)
    # Then they are those of `caravan acl`, without a password, for this user's eyes
    text = (tmp_path / "users.acl").read_text()
    assert text == render(TEMPLATE.read_text(), PASSWORDS)
    assert not any(password in text for password in PASSWORDS.values())
    assert (tmp_path / "users.acl").stat().st_mode & 0o077 == 0
    # And a password that is missing or short stops it, by the name of its variable
    env["REDIS_PASSWORD_KEDA"] = "short"
    failed = subprocess.run(["sh", script], env={"PATH": "/usr/bin:/bin", **env}, check=False)
    assert failed.returncode != 0
    with pytest.raises(PasswordMissing, match="REDIS_PASSWORD_KEDA"):
        render(TEMPLATE.read_text(), {**PASSWORDS, "REDIS_PASSWORD_KEDA": "short"})


def test_the_file_is_what_a_real_server_takes_without_an_open_user(tmp_path: Path) -> None:
    # Given the users as they are shipped
    (tmp_path / "users.acl").write_text(render(TEMPLATE.read_text(), PASSWORDS))
    port = any_free()
    command = [str(find_server()), "--port", str(port), "--dir", str(tmp_path), "--save", ""]
    server = Process(
        "valkey", [*command, "--aclfile", str(tmp_path / "users.acl")], tmp_path / "log"
    )
    try:
        with Redis(port=port, username="operator", password="the password of operator") as operator:
            wait_until(lambda: _pings(operator), what="its answer")
            # Then each user is there, nobody comes in without a password
            assert {str(name) for name in operator.acl_users()} == {*NAMES, "default"}
        with Redis(port=port) as anonymous, pytest.raises(RedisError, match="(?i)auth"):
            anonymous.ping()
    finally:
        server.stop()


def _pings(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def test_every_user_of_the_template_is_of_a_role() -> None:
    named = [line.split()[1] for line in users_of(TEMPLATE.read_text())]
    assert named == ["default", *NAMES]
