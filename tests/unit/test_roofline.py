"""The runner for a GPU: what it says of what it found, and of what it could not find."""

from typing import Any

import pytest

from benchmarks.roofline.loop import closed_loop, summary
from benchmarks.roofline.parts import MODEL, Part, run_all
from benchmarks.roofline.report import roofline, rows

GIGA = 1_000_000_000


def precision(rate: float, read: int = 4 * GIGA, **explanations: float) -> dict[str, Any]:
    decoded = {
        str(n): {"median": n * rate, "least": n * rate, "most": n * rate, "values": [n * rate] * 3}
        for n in (1, 3, 8)
    }
    told = {"mean_ms": 200.0, "p50_ms": 200.0, "p95_ms": 300.0, "per_minute": 800.0, "count": 90}
    return {
        "decode": decoded,
        "read_bytes": {"1": read, "3": read, "8": read},
        "explanations": told | explanations,
        "peak_memory_bytes": 9 * GIGA,
        "greatest_difference": 0.01,
    }


def copied(gigabytes: int) -> dict[str, Any]:
    return {"bytes_per_second": gigabytes * GIGA, "device": {"name": "a GPU"}}


def complete(**changes: Any) -> dict[str, Any]:
    return {
        "bandwidth": copied(3000),
        "fp16": precision(150, 13 * GIGA),
        "int8": precision(250, 7 * GIGA),
        "nf4": precision(300),
        "int4-fast": precision(400),
        "service": {"p95_ms": 400.0},
    } | changes


def missed(found: dict[str, Any], missing: dict[str, str] | None = None) -> list[str]:
    return [row.what for row in rows(found, missing or {}) if not row.met]


def test_the_roofline_is_the_bandwidth_over_what_a_step_reads() -> None:
    assert roofline(complete(), "int4-fast", 3) == 3 * 3000 / 4


def test_all_goals_can_be_met() -> None:
    assert missed(complete()) == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"int8": precision(140)}, "INT4, INT8, FP16, 1 at once, tokens/s"),
        ({"bandwidth": copied(4000)}, "int4-fast, 1 at once, of the roofline"),
        ({"int4-fast": precision(400, p95_ms=500.0)}, "int4-fast, explanations, 3 at once, p95"),
        ({"int4-fast": precision(400, mean_ms=210.5)}, "int4-fast, explanations, 3 at once, mean"),
        ({"int4-fast": precision(400, per_minute=99.0)}, "int4-fast, explanations, 3 at once, a minute"),
        ({"int4-fast": precision(400) | {"peak_memory_bytes": 12 * GIGA}}, "int4-fast, peak memory"),
        ({"service": {"p95_ms": 501.0}}, "through gateway, Redis and worker, p95"),
    ],
)  # fmt: skip
def test_each_goal_can_be_missed(changes: dict[str, Any], what: str) -> None:
    assert missed(complete(**changes)) == [what]


def test_the_fastest_of_the_four_bit_ones_is_held_against_the_goals() -> None:
    found = complete(nf4=precision(500))
    assert "nf4, peak memory" in [row.what for row in rows(found, {})]


def test_what_was_not_measured_is_no_goal_met() -> None:
    found = complete()
    del found["fp16"]
    assert missed(found, {"fp16": "out of memory"}) == [
        "INT4, INT8, FP16, 1 at once, tokens/s",
        "part fp16",
    ]


def test_a_part_that_would_end_too_late_is_left_out_and_a_failed_one_ends_no_other() -> None:
    def start(name: str, left: float) -> str:
        assert left > 0
        if name == "broken":
            raise RuntimeError("no kernel image")
        return f"{name} ran"

    parts = [Part("first", 1), Part("broken", 1), Part("long", 1000), Part("last", 1)]
    found, missing = run_all(parts, start, limit=100)

    assert found == {"first": "first ran", "last": "last ran"}
    assert missing["broken"] == "no kernel image"
    assert missing["long"].startswith("takes 1000 s, and ")


def test_without_a_model_nothing_else_is_begun() -> None:
    def start(name: str, left: float) -> str:
        raise RuntimeError("disk full")

    found, missing = run_all([MODEL, Part("fp16", 1)], start, limit=100)

    assert (found, missing) == ({}, {"model": "disk full"})


def test_a_closed_loop_asks_each_once() -> None:
    asked: list[int] = []

    told = closed_loop(asked.append, 5, callers=1)

    assert asked == [0, 1, 2, 3, 4]
    assert told["count"] == 5


def test_latencies_are_summed_up_in_milliseconds() -> None:
    told = summary([0.1] * 19 + [0.5], seconds=4.0)

    assert told["p50_ms"] == pytest.approx(100)
    assert told["mean_ms"] == pytest.approx(120)
    assert told["per_minute"] == pytest.approx(300)
