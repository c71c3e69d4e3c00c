"""Percentiles from buckets, and prices as they are frozen."""

import json
import math
from collections import Counter

import pytest

from api.identity.roles import Role, Scope, scopes_of
from api.prices import ModelPrice, frozen_prices, usd
from api.pulse import Pulse, percentiles


def bucket(ms: float) -> int:
    """As usage.lua has it."""
    return math.floor(8 * math.log2(max(1, ms)))


@pytest.mark.parametrize("scale", [1, 37, 5000])
def test_a_percentile_is_within_five_percent(scale: int) -> None:
    times = [scale * (n + 1) for n in range(1000)]
    found = percentiles(Counter(map(bucket, times)))
    assert found["count"] == 1000
    for p in (50, 95, 99):
        truth = times[p * 10 - 1]
        assert found[f"p{p}"] == pytest.approx(truth, rel=0.05, abs=1)


def test_no_job_has_no_percentile() -> None:
    assert percentiles({}) == {"p50": None, "p95": None, "p99": None, "count": 0}


def test_slices_add_up() -> None:
    pulse = Pulse.of([{"completed": "2", "wait|8": "2"}, {"completed": "1", "wait|8": "1"}, {}])
    view = pulse.view(30)
    assert (view["jobs"]["completed"], view["jobs_per_minute"]) == (3, 6.0)
    assert view["latency"]["queue_wait_ms"]["count"] == 3


def test_where_nothing_costs_anything_nothing_is_written_down() -> None:
    assert frozen_prices({}, 0) == ""
    assert frozen_prices({"m": ModelPrice()}, 0) == ""


def test_prices_are_whole_billionths_and_cached_tokens_cost_like_others() -> None:
    frozen = frozen_prices({"m": ModelPrice(prompt=0.0005, completion=0.0015)}, 0.25)
    assert json.loads(frozen) == {
        "": [250_000_000] * 3,
        "m": [500_000, 1_500_000, 500_000],
    }
    assert usd(1_500_000) == 0.0015


def test_every_role_has_its_scopes() -> None:
    assert scopes_of(Role.ADMIN) == set(Scope)
    assert Scope.WRITE not in scopes_of(Role.METRICS)
    assert scopes_of(Role.USER) == {Scope.READ, Scope.WRITE}
