"""When jobs are kept away from an engine, and when they are let in again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker.breaker import JITTER, MAX_SECONDS, Breaker, Circuit, CircuitState
from worker.engines.base import EngineBusy, EngineError, ModelUnavailable, RequestRefused

LIMIT = 3
CLOSED, HALF_OPEN, OPEN = CircuitState

Event = Callable[[Circuit], Circuit]


def job_failed(circuit: Circuit) -> Circuit:
    """The engine still answers."""
    return circuit.failed(broken=False)


def engine_failed(circuit: Circuit) -> Circuit:
    return circuit.failed(broken=True)


succeeded, trying = Circuit.succeeded, Circuit.trying
loaded, not_loaded = Circuit.loaded, Circuit.not_loaded


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], CLOSED),
        ([job_failed], CLOSED),
        ([job_failed] * (LIMIT - 1), CLOSED),
        ([job_failed] * LIMIT, OPEN),
        ([job_failed, job_failed, succeeded, job_failed, job_failed], CLOSED),
        ([engine_failed], OPEN),
        ([engine_failed, succeeded], OPEN),
        ([engine_failed, engine_failed], OPEN),
        ([engine_failed, trying], HALF_OPEN),
        ([engine_failed, trying, job_failed], HALF_OPEN),
        ([engine_failed, trying, not_loaded], OPEN),
        ([engine_failed, trying, not_loaded, trying], HALF_OPEN),
        ([engine_failed, trying, not_loaded, trying, loaded], CLOSED),
        ([engine_failed, trying, loaded, job_failed, job_failed], CLOSED),
        ([trying], CLOSED),
        ([trying, loaded], CLOSED),
        ([trying, not_loaded], OPEN),
    ],
)
def test_the_circuit_after(events: list[Event], state: CircuitState) -> None:
    circuit = Circuit(LIMIT)
    for event in events:
        circuit = event(circuit)
    assert circuit.state is state


def test_the_gauge_shows_zero_one_and_two() -> None:
    assert [CLOSED.level, HALF_OPEN.level, OPEN.level] == [0, 1, 2]


@pytest.mark.parametrize(("failed", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (99, 10)])
def test_pauses_between_reloads_double_up_to_a_limit(failed: int, seconds: float) -> None:
    circuit = engine_failed(Circuit(LIMIT))
    for _ in range(failed):
        circuit = not_loaded(trying(circuit))
    assert circuit.pause_seconds(0.5) == seconds


def test_pauses_vary_by_a_fifth() -> None:
    circuit = Circuit(LIMIT, reloads=99)
    assert circuit.pause_seconds(0) == MAX_SECONDS * (1 - JITTER)
    assert circuit.pause_seconds(1) == MAX_SECONDS * (1 + JITTER)


class Log:
    """What a breaker did."""

    def __init__(self, *, responds: bool) -> None:
        self.asked = 0
        self.opened: list[str] = []
        self._responds = responds
        self.breaker = Breaker(LIMIT, self._ask, self.opened.append)

    def _ask(self) -> bool:
        self.asked += 1
        return self._responds


def test_a_job_is_blamed_as_long_as_the_engine_responds() -> None:
    log = Log(responds=True)
    assert [log.breaker.failed(EngineError("odd")) for _ in range(LIMIT)] == [False, False, True]
    assert log.opened == ["odd"]


def test_an_engine_that_does_not_respond_is_blamed_at_once() -> None:
    log = Log(responds=False)
    assert log.breaker.failed(EngineError("CUDA error"))
    assert log.opened == ["CUDA error"]
    # and it is not asked again
    assert log.breaker.failed(EngineError("CUDA error"))
    assert log.asked == 1


@pytest.mark.parametrize("error", [EngineBusy("429"), RequestRefused("400")])
def test_neither_a_busy_engine_nor_a_bad_request_says_anything_about_the_engine(
    error: EngineError,
) -> None:
    log = Log(responds=False)
    assert not any(log.breaker.failed(error) for _ in range(LIMIT + 1))
    assert (log.asked, log.opened) == (0, [])


def test_a_model_that_is_gone_needs_no_question() -> None:
    log = Log(responds=True)
    assert log.breaker.failed(ModelUnavailable("no such file"))
    assert log.asked == 0


def test_a_batch_that_fails_opens_the_circuit_once() -> None:
    log = Log(responds=False)
    with ThreadPoolExecutor(8) as callers:
        errors = [EngineError("CUDA error")] * 32
        assert all(callers.map(log.breaker.failed, errors))
    assert log.opened == ["CUDA error"]


def test_a_reload_that_fails_opens_the_circuit_of_a_healthy_engine() -> None:
    log = Log(responds=True)
    log.breaker.trying()
    log.breaker.not_loaded("no such file")
    log.breaker.not_loaded("no such file")
    assert log.opened == ["no such file"]
