"""Whether a worker lives and takes work, as its probes see it."""

from collections.abc import Callable
from contextlib import closing

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from cli.ports import any_free
from worker import deafness, health
from worker.deafness import Deafness
from worker.health import HealthServer, Heartbeat
from worker.metrics import process_page


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    monkeypatch.setattr(deafness, "time", clock)
    return clock


def test_a_loop_that_turns_without_redis_is_alive_and_not_ready(clock: Clock) -> None:
    # Given a loop that last reached Redis a minute ago
    beat = Heartbeat(limit_seconds=30)
    clock.now += 60

    # When it turns, and Redis does not answer
    beat.turned()

    # Then nobody should restart it, or send it work
    assert beat.why_dead() == ""
    assert beat.why_unready() == "Redis has not answered for 60 s"


def test_a_loop_that_stands_still_is_dead(clock: Clock) -> None:
    beat = Heartbeat(limit_seconds=30)
    clock.now += 31

    assert beat.why_dead() == "the loop has not turned for 31 s"


def test_work_that_waits_for_a_minute_beside_free_slots_means_deaf(clock: Clock) -> None:
    # Given a worker that was idle for an hour
    worker = Deafness(lambda: 2, limit_seconds=60)
    clock.now += 3600

    # When two jobs wait for it, from one probe to another a minute later
    assert worker.why_dead() == ""
    clock.now += 61

    # Then it does not hear
    assert worker.why_dead() == "2 jobs wait beside free slots; none was taken for 60 s"


def test_a_worker_that_takes_jobs_is_not_deaf_however_many_wait(clock: Clock) -> None:
    worker = Deafness(lambda: 100, limit_seconds=60)
    for _ in range(10):
        assert worker.why_dead() == ""
        clock.now += 30
        worker.hear()


def test_a_queue_that_was_empty_in_between_starts_the_minute_anew(clock: Clock) -> None:
    waiting = [1]
    worker = Deafness(lambda: waiting[0], limit_seconds=60)
    worker.why_dead()
    clock.now += 50
    waiting[0] = 0
    worker.why_dead()
    waiting[0] = 1
    clock.now += 50

    assert worker.why_dead() == ""


def answers(alive: Callable[[], str], *, metrics: bool = True) -> dict[str, httpx.Response]:
    """What a worker that is alive like this answers, by path."""
    registry = CollectorRegistry()
    Counter("seen", "Things seen.", registry=registry).inc()
    page = process_page(registry) if metrics else None
    server = HealthServer(page, "127.0.0.1", any_free())
    with closing(server):
        server.start(alive, lambda: "draining")
        base, paths = f"http://127.0.0.1:{server.port}", ("/metrics", "/livez", "/readyz", "/other")
        return {path: httpx.get(base + path, trust_env=False) for path in paths}


def test_the_port_answers_metrics_and_both_probes() -> None:
    answered = answers(lambda: "")

    assert "seen_total 1.0" in answered["/metrics"].text
    assert (answered["/livez"].status_code, answered["/livez"].json()) == (200, {"status": "ok"})
    assert answered["/readyz"].status_code == 503
    assert answered["/readyz"].json() == {"status": "unavailable", "detail": "draining"}
    assert answered["/other"].status_code == 404


def test_probes_are_answered_where_metrics_are_off() -> None:
    answered = answers(lambda: "the loop stands", metrics=False)

    assert answered["/metrics"].status_code == 404
    assert answered["/livez"].status_code == 503


def test_a_taken_port_is_passed_over() -> None:
    with (
        closing(HealthServer(None, "127.0.0.1", any_free())) as first,
        closing(HealthServer(None, "127.0.0.1", first.port)) as second,
    ):
        assert second.port > first.port
