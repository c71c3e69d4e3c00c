"""The shipped scaling rule, played through: KEDA's formula and the HPA's rules."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.scaling.formula import evaluate
from benchmarks.scaling.play import JOB_SECONDS, SLOTS, play
from benchmarks.scaling.scaler import as_the_document_had_it, latency_aware, shipped
from benchmarks.scaling.traces import SECONDS, TRACES
from tests.manifests.test_keda import scaled_object


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("rule", [shipped, latency_aware])
def test_no_pod_leaves_while_its_slots_are_needed(
    name: str, rule: Callable[[], dict[str, Any]]
) -> None:
    assert play(rule(), TRACES[name], SECONDS).cut == 0


def test_gusts_that_two_pods_drain_in_time_start_none_by_predicted_wait() -> None:
    jobs, waits = (play(rule(), TRACES["gusts"], SECONDS) for rule in (shipped, latency_aware))

    assert max(jobs.pods) == shipped()["maxReplicaCount"]
    assert set(waits.pods) == {2}
    assert max(waits.waiting) * JOB_SECONDS / (2 * SLOTS) <= 30


@pytest.mark.parametrize("name", ["burst", "ramp", "steady", "outage"])
def test_a_longer_wait_brings_as_many_pods_as_counting_jobs(name: str) -> None:
    jobs, waits = (play(rule(), TRACES[name], SECONDS) for rule in (shipped, latency_aware))

    assert sum(waits.pods) == pytest.approx(sum(jobs.pods), rel=0.1)
    assert waits.drained_at <= jobs.drained_at + 60


def test_scaling_on_waiting_jobs_alone_would_cut_running_ones() -> None:
    assert play(as_the_document_had_it(), TRACES["steady"], SECONDS).cut > 0


def test_a_burst_is_met_with_many_pods_and_drained() -> None:
    seen = play(shipped(), TRACES["burst"], SECONDS)

    assert max(seen.pods) == shipped()["maxReplicaCount"]
    assert seen.drained_at < 10 * 60
    assert seen.pods[-1] == shipped()["minReplicaCount"]


def test_an_idle_service_keeps_its_least_pods() -> None:
    assert set(play(shipped(), TRACES["idle"], SECONDS).pods) == {shipped()["minReplicaCount"]}


def test_steady_work_gets_the_pods_that_its_slots_fill() -> None:
    seen = play(shipped(), TRACES["steady"], SECONDS)

    assert all(
        pods * SLOTS >= running for pods, running in zip(seen.pods, seen.running, strict=True)
    )
    assert 4 <= seen.pods[2500] <= 6


def test_an_outage_of_redis_takes_no_pod_away() -> None:
    seen = play(shipped(), TRACES["outage"], SECONDS)

    assert min(seen.pods[900:1500]) == seen.pods[900] > shipped()["minReplicaCount"]


@pytest.mark.parametrize(("gpu", "more"), [(None, 0), (50, 0), (95, 3)])
def test_a_busy_gpu_asks_for_one_pod_more(gpu: float | None, more: int) -> None:
    formula = scaled_object("gpu", "inference")["advanced"]["scalingModifiers"]["formula"]
    queue = {
        "urgent": 1.0,
        "high": 0.0,
        "normal": 4.0,
        "low": 0.0,
        "running": 3.0,
        "backlog": 100.0,
    }

    assert evaluate(formula, {**queue, "gpu": gpu}) == 9 + more
