"""Each ailment that doctor knows, made for real, and found."""

import http.server
import json
import os
import resource
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import redis

from cli.doctor import clocks, egress, flower, gpu, machine, model, ports, secrets, store, workers
from cli.doctor.examination import examine
from cli.doctor.finding import Check, Finding, Level
from cli.doctor.scene import Scene
from cli.doctor.settings import DoctorSettings
from cli.ports import any_free
from common import keys
from tests.models import default_gguf
from tests.support.caravan import Caravan
from tests.support.stack import Stack
from tests.support.valkey import ValkeyServer
from tests.support.waiting import wait_until


def scene(state: Path, **settings: Any) -> Scene:
    """An installation whose settings are these; nothing of this machine's environment."""
    free = {name: any_free() for name in ("api_port", "flower_port", "metrics_port")}
    values = {**free, "state_dir": state, **settings}
    return Scene.of(DoctorSettings.model_validate(values), "127.0.0.1:9")


def only(check: Check, seen: Scene) -> Finding:
    (finding,) = check(seen)
    return finding


@contextmanager
def server(directory: Path, *options: str) -> Iterator[Scene]:
    """A real Valkey with these options, and nothing else."""
    valkey = ValkeyServer(directory, *options)
    valkey.start()
    try:
        yield scene(directory, redis_url=valkey.url)
    finally:
        valkey.stop()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A store as we configure it."""
    with server(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture
def empty(healthy: Scene) -> Scene:
    healthy.store.flushall()
    return healthy


# --- the store -----------------------------------------------------------------------------


def test_a_store_as_we_configure_it_is_fine(empty: Scene) -> None:
    for check in (store.reachable, store.version, store.persistence, store.eviction, store.access):
        assert only(check, empty).level is Level.OK
    assert only(store.memory, empty).level is Level.INFO
    assert only(clocks.store_clock, empty).level is Level.OK


def test_one_that_forgets_loses_and_overflows_fails(tmp_path: Path) -> None:
    # Given a server as caches are configured
    options = ["--appendonly", "no", "--maxmemory-policy", "allkeys-lru", "--maxmemory", "3mb"]
    with server(tmp_path, *options) as seen:
        seen.store.set("much", "x" * 700_000)
        # When it is looked at, then each of its ailments is named with its cure
        for check, cure in (
            (store.persistence, "appendonly yes"),
            (store.eviction, "maxmemory-policy noeviction"),
            (store.memory, "maxmemory"),
        ):
            finding = only(check, seen)
            assert finding.level is Level.FAIL, finding
            assert cure in finding.fix


def test_one_that_never_syncs_is_warned_of(tmp_path: Path) -> None:
    with server(tmp_path, "--appendfsync", "no") as seen:
        assert only(store.persistence, seen).level is Level.WARN


def test_one_whose_snapshot_cannot_be_written_fails(tmp_path: Path) -> None:
    with server(tmp_path) as seen:
        # Given a folder where the snapshot should be
        (tmp_path / "dump.rdb").mkdir()
        seen.store.bgsave()
        status = "rdb_last_bgsave_status"
        wait_until(lambda: seen.info("persistence")[status] == "err", what="a failed snapshot")
        # When the server is looked at, then that is why it takes no jobs
        finding = only(store.persistence, seen)
        assert (finding.level, "snapshot" in finding.said) == (Level.FAIL, True)


def test_one_without_a_password_that_others_reach_is_warned_of(tmp_path: Path) -> None:
    with server(tmp_path) as seen:
        # Given the same server by an address that is not loopback's, as far as the URL says
        url = str(seen.settings.redis_url).replace("127.0.0.1", "localhost.")
        away = scene(tmp_path, redis_url=url)
        # Then it is a warning, and in production a failure
        assert only(store.access, replace(seen, settings=away.settings)).level is Level.WARN
        strict = scene(tmp_path, redis_url=url, app_env="production")
        assert only(store.access, replace(seen, settings=strict.settings)).level is Level.FAIL


def test_a_wrong_password_is_told_from_an_absent_server(tmp_path: Path) -> None:
    with server(tmp_path) as seen, redis.Redis.from_url(seen.store_url) as operator:
        operator.config_set("requirepass", "right")
        assert "refuses the login" in only(store.reachable, seen).said
    nobody = scene(tmp_path, redis_url="redis://127.0.0.1:9/0")
    assert "does not answer" in only(store.reachable, nobody).said
    assert only(store.reachable, nobody).level is Level.FAIL


def test_a_server_that_is_too_old_fails(empty: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scene, "info", lambda *_: {"redis_version": "6.0.16"})

    assert only(store.version, empty).level is Level.FAIL


def test_a_user_of_its_own_is_better_than_default(tmp_path: Path) -> None:
    with server(tmp_path) as seen:
        seen.store.acl_setuser("ada", enabled=True, nopass=True, categories=["+@all"], keys=["*"])
        url = seen.store_url.replace("redis://", "redis://ada:x@")

        finding = only(store.access, scene(tmp_path, redis_url=url))

    assert (finding.level, "ada" in finding.said) == (Level.OK, True)


def test_no_password_is_shown() -> None:
    from cli.doctor.scene import shown

    assert shown("redis://ada:s3cret@host:1/0") == "redis://ada:***@host:1/0"


# --- clocks --------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "level"), [(0.0, "ok"), (10.0, "warn"), (300.0, "fail")])
def test_a_clock_that_differs_from_the_stores_is_noticed(
    empty: Scene, ahead: float, level: str
) -> None:
    skewed = replace(empty, clock=lambda: time.time() + ahead)

    assert only(clocks.store_clock, skewed).level == level


class Impostor(http.server.BaseHTTPRequestHandler):
    """Another program on the gateway's port, whose clock is an hour late."""

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", formatdate(time.time() - 3600, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def impostor() -> Iterator[int]:
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Impostor)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield listener.server_port
    listener.shutdown()
    listener.server_close()


def test_a_gateway_whose_clock_is_late_fails(tmp_path: Path, impostor: int) -> None:
    assert only(clocks.gateway_clock, scene(tmp_path, api_port=impostor)).level is Level.FAIL


# --- ports, way out, Flower ----------------------------------------------------------------


def test_a_port_of_another_program_is_named_with_one_that_is_free(
    tmp_path: Path, impostor: int
) -> None:
    taken = only(ports.gateway, scene(tmp_path, api_port=impostor))
    others = {
        finding.name: finding
        for finding in ports.launcher_ports(scene(tmp_path, flower_port=impostor))
    }

    assert (taken.level, others[f"port {impostor}"].level) == (Level.FAIL, Level.FAIL)
    assert "make run API_PORT=" in taken.fix
    assert "make run FLOWER_PORT=" in others[f"port {impostor}"].fix


def test_before_the_first_run_nothing_has_failed(tmp_path: Path) -> None:
    # Given a machine on which nothing was ever started
    findings = list(examine(scene(tmp_path, redis_port=any_free())))
    # Then nothing failed, and the next step is said
    assert [finding for finding in findings if finding.level is Level.FAIL] == []
    assert "make run" in {finding.fix for finding in findings}


def test_no_way_out_is_a_warning_and_a_way_out_is_seen(tmp_path: Path, impostor: int) -> None:
    closed = scene(tmp_path)
    opened = replace(closed, egress=f"127.0.0.1:{impostor}")

    assert only(egress.way_out, closed).level is Level.WARN
    assert only(egress.way_out, opened).level is Level.OK


def test_networks_that_open_everything_are_warned_of(tmp_path: Path) -> None:
    wide = scene(tmp_path, webhook_allow_networks="0.0.0.0/0")

    assert only(egress.opened_networks, wide).level is Level.WARN
    assert list(egress.opened_networks(scene(tmp_path, webhook_allow_networks="10.0.0.0/8"))) == []


def test_a_flower_that_asks_nobody_fails(tmp_path: Path, impostor: int) -> None:
    assert only(flower.flower, scene(tmp_path, flower_port=impostor)).level is Level.FAIL
    assert only(flower.flower, scene(tmp_path)).level is Level.INFO


# --- this machine --------------------------------------------------------------------------


def test_a_tampered_model_fails_and_a_missing_one_says_how_to_get_it(tmp_path: Path) -> None:
    # Given the default model's files, one byte of which was changed
    source = default_gguf().parent
    copy = tmp_path / "model"
    shutil.copytree(source, copy)
    seen = scene(tmp_path, model=str(copy))
    assert only(model.model, seen).level is Level.OK
    tokenizer = copy / "tokenizer.json"
    content = bytearray(tokenizer.read_bytes())
    content[len(content) // 2] ^= 1
    tokenizer.write_bytes(content)
    # Then that file is named
    finding = only(model.model, seen)
    assert finding.level is Level.FAIL
    assert "tokenizer.json is damaged" in finding.said
    # And where there is none, the command that gets it
    assert "quantization fetch" in only(model.model, scene(tmp_path / "none")).fix


def test_a_gpu_is_listed_a_broken_driver_warned_of_and_none_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for script, level in (
        ("echo 'NVIDIA H100, 81559 MiB, 590.1'", Level.OK),
        ("exit 9", Level.WARN),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert only(gpu.gpu, scene(tmp_path)).level is level
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert only(gpu.gpu, scene(tmp_path)).level is Level.INFO


def test_a_full_disk_and_few_open_files_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a machine with the room that a full one has
    usage = shutil.disk_usage(tmp_path)
    for free, level in ((10 * 2**30, "ok"), (2**30, "warn"), (2**20, "fail")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert only(machine.disk, scene(tmp_path)).level == level
    # And a process that may open few files
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    assert only(machine.open_files, scene(tmp_path)).level is Level.WARN


# --- secrets -------------------------------------------------------------------------------


def test_the_documented_password_is_found_until_it_is_changed(echo_stack: Stack) -> None:
    # Given a service on which nobody changed it
    seen = scene(echo_stack.directory, redis_url=echo_stack.valkey.url)
    assert only(secrets.default_password, seen).level is Level.WARN
    # When the first user has another one
    from pwdlib.hashers.argon2 import Argon2Hasher

    seen.store.hset(keys.user("other"), "password", Argon2Hasher().hash("another one"))
    other = scene(echo_stack.directory, redis_url=echo_stack.valkey.url, admin_username="other")
    # Then all is well
    assert only(secrets.default_password, other).level is Level.OK
    seen.store.delete(keys.user("other"))


@pytest.mark.parametrize(
    ("secret", "level"),
    [
        ("short", "warn"),
        ("a" * 64, "warn"),
        ("please-change-me-to-something-long-and-random", "warn"),
        ("9f1c2d7be0384a56c1b2e37f0a9d8c4412f5e6a7b8c9d0e1", "ok"),
    ],
)
def test_a_signing_key_that_could_be_guessed_is_found(
    tmp_path: Path, secret: str, level: str
) -> None:
    assert only(secrets.jwt_secret, scene(tmp_path, jwt_secret=secret)).level == level


def test_a_signing_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    path = tmp_path / "jwt-secret"
    path.write_text("x")
    path.chmod(0o644)

    assert only(secrets.jwt_secret, scene(tmp_path)).fix == f"chmod 600 {path}"


# --- workers -------------------------------------------------------------------------------


def beat(seen: Scene, name: str, **fields: str) -> None:
    """A worker says of itself what a worker would."""
    seconds, _ = seen.store.time()
    seen.store.zadd(keys.WORKERS, {name: seconds * 1000})
    seen.store.hset(keys.worker(name), mapping=fields)


def test_a_service_without_workers_or_maintenance_fails(empty: Scene) -> None:
    assert only(workers.inference, empty).level is Level.FAIL
    assert only(workers.maintenance, empty).level is Level.FAIL
    assert only(workers.webhooks, empty).level is Level.WARN


def test_a_worker_in_trouble_is_named_with_its_own_words(empty: Scene) -> None:
    beat(empty, "w1", kind="inference", state="model_missing", error="no model at /m", slots="3")
    beat(empty, "w2", kind="inference", state="ready", breaker="open", slots="3")

    found = {finding.name: finding for finding in workers.inference(empty)}

    assert "no model at /m" in found["worker w1"].said
    assert found["worker w2"].level is Level.FAIL


def test_a_job_that_waits_beside_a_free_slot_is_a_queue_that_is_stuck(empty: Scene) -> None:
    # Given a worker with free slots, and a job that has waited for a minute
    beat(empty, "w1", kind="inference", state="ready", slots="3", busy="1")
    seconds, _ = empty.store.time()
    empty.store.zadd("wait:normal", {"job_1": (seconds - 60) * 1000})
    # Then somebody must look
    assert only(workers.progress, empty).level is Level.FAIL
    # But not while every slot is busy
    beat(empty, "w1", busy="3")
    assert only(workers.progress, empty).level is Level.OK


def test_deliveries_that_do_not_leave_are_noticed(empty: Scene) -> None:
    seconds, _ = empty.store.time()
    empty.store.zadd(keys.HOOKS, {"hook_1": (seconds - 600) * 1000})
    assert only(workers.webhooks, empty).level is Level.FAIL

    beat(empty, "w3", kind="webhooks", state="ready")
    assert only(workers.webhooks, empty).level is Level.WARN


# --- all of it -----------------------------------------------------------------------------


def test_a_running_service_has_no_ailment(stranger: Caravan, echo_stack: Stack) -> None:
    # Given a whole service, and its settings
    settings = {
        name: echo_stack.env[name]
        for name in ("API_PORT", "METRICS_PORT", "REDIS_URL", "STATE_DIR", "ENGINE")
    }
    flower_port = str(any_free())
    # When doctor looks
    report = stranger.json("doctor", FLOWER_PORT=flower_port, **settings)
    shown = stranger("doctor", FLOWER_PORT=flower_port, **settings)
    # Then nothing failed, for programs and for people
    assert report["ok"], report
    assert shown.returncode == 0
    assert "FAIL" not in shown.stdout
    assert "default_password" not in json.dumps(report)


def test_a_failure_is_exit_status_1_with_its_fix(stranger: Caravan, tmp_path: Path) -> None:
    done = stranger("doctor", REDIS_URL="redis://127.0.0.1:9/0", STATE_DIR=str(tmp_path))

    assert done.returncode == 1
    assert "FAIL  redis" in done.stdout
    assert "-> start it, or set REDIS_URL" in done.stdout


def test_a_check_that_breaks_leaves_the_others_alone(
    empty: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_: object) -> int:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(Scene, "info", breaks)

    findings = {finding.name: finding for finding in examine(empty)}
    assert findings["version"].level is Level.WARN
    assert "maintenance" in findings


def test_a_user_of_the_store_who_may_not_look_is_told_so(tmp_path: Path) -> None:
    # Given a user who may do what a worker must, and nothing else
    with server(tmp_path) as seen:
        few = ["+ping", "+time", "+zcard", "+acl|whoami"]
        seen.store.acl_setuser("few", enabled=True, nopass=True, commands=few, keys=["*"])
        url = seen.store_url.replace("redis://", "redis://few:x@")
        # When doctor looks with their eyes
        findings = {finding.name: finding for finding in examine(scene(tmp_path, redis_url=url))}
    # Then it says what it could not see, and no more
    assert findings["eviction"].level is Level.INFO
    assert "may not look" in findings["eviction"].said
