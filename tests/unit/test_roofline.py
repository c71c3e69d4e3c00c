"""The runner for a GPU: what it says of what it found, and of what it could not find."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("torch")
from benchmarks.roofline import needs, parts
from benchmarks.roofline.apart import run_apart
from benchmarks.roofline.loop import closed_loop, summary
from benchmarks.roofline.parts import (
    MODEL,
    PARTS,
    Bench,
    Part,
    fastest_int4,
    run,
    run_all,
)
from benchmarks.roofline.report import roofline, rows
from benchmarks.roofline.serving import step_bytes
from benchmarks.roofline.settings import LLAMA_2_7B, TINY, GpuBenchSettings
from benchmarks.waiting import wait_until
from worker.engines.settings import Quantization

pytestmark = pytest.mark.torch

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
        "mean_difference": 0.01,
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
        ({"service": {}}, "through gateway, Redis and worker, p95"),
        (
            {"int4-fast": precision(400) | {"mean_difference": 0.06}},
            "int4-fast, decoding beside one pass, log-probability",
        ),
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


def test_a_part_that_broke_off_counts_as_far_as_it_came() -> None:
    # Given INT4 that decoded one stream, and no explanations
    broken = precision(400)
    found = complete(**{"int4-fast": {key: broken[key] for key in ("read_bytes", "decode")}})
    found["int4-fast"]["decode"] = {"1": broken["decode"]["1"]}

    said = {row.what: row.ours for row in rows(found, {"int4-fast": "did not end"})}

    assert said["int4-fast, 1 at once"] == "400 tokens/s, 53% of the roofline"
    assert said["int4-fast, explanations, 3 at once, p95"] == "not measured"
    assert said["fp16, 8 at once"].startswith("1200 tokens/s")


def test_eager_rates_stand_beside_ours() -> None:
    found = complete(eager={"fp16": precision(50)["decode"], "nf4": {"failed": "no kernel"}})

    said = {row.what: row for row in rows(found, {})}

    assert said["fp16, 3 at once"].peer == "eager 150 tokens/s"
    assert str(said["fp16, 3 at once"].ratio).startswith("3.00")
    assert said["nf4, eager"].ours == "not measured: no kernel"


def test_a_format_that_failed_for_a_layer_is_said_to_have_failed() -> None:
    layer = {"error": 0.0, "microseconds": {"1": 10.0, "3": 12.0, "8": 20.0}}
    linears = {"bf16": {"up": layer, "down": layer}, "int8": {"up": layer, "down": {"failed": "x"}}}

    said = {row.what: row.ours for row in rows(complete(linears=linears), {})}

    assert said["a layer in bf16"] == "20 us for a row, 24 us for three"
    assert said["a layer in int8"] == "not measured: x"


def test_a_step_reads_the_weights_once_and_the_keys_and_values_of_each_stream() -> None:
    settings = GpuBenchSettings(prompt_tokens=150, decode_tokens=64)

    fast = step_bytes(Quantization.INT4_FAST, LLAMA_2_7B, settings)
    half = step_bytes(Quantization.FP16, LLAMA_2_7B, settings)

    head, cached = 2 * 32_000 * 4096, 524_288 * 182
    assert fast["1"] == 6_476_005_376 * 5 // 8 + head + cached
    assert half["3"] == 6_476_005_376 * 2 + head + 3 * cached


class Kept(dict[str, dict[str, Any]]):
    """What parts found, by their names."""

    def __call__(self, name: str) -> dict[str, Any]:
        return self.get(name, {})


def test_a_part_that_would_end_too_late_is_left_out_and_a_failed_one_ends_no_other() -> None:
    kept = Kept()

    def start(name: str, seconds: float) -> None:
        assert seconds <= 5
        kept[name] = {"ran": name}
        if name == "broken":
            raise RuntimeError("no kernel image")

    parts = [Part("first", 1, 5), Part("broken", 1, 5), Part("long", 1000, 5), Part("last", 1, 5)]
    found, missing = run_all(parts, start, kept, limit=100)

    assert found == {name: {"ran": name} for name in ("first", "broken", "last")}
    assert missing["broken"] == "RuntimeError: no kernel image"
    assert missing["long"].startswith("takes 1000 s, and ")


def test_without_a_model_nothing_else_is_begun() -> None:
    def start(name: str, seconds: float) -> None:
        raise OSError("disk full")

    found, missing = run_all([MODEL, Part("fp16", 1, 5)], start, Kept(), limit=100)

    assert (found, missing) == ({}, {"model": "OSError: disk full"})


def test_the_parts_fit_into_the_time_that_they_have_together() -> None:
    assert sum(part.seconds for part in (MODEL, *PARTS)) <= GpuBenchSettings().seconds


def test_a_part_keeps_what_it_found_before_it_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def works() -> dict[str, Callable[[Bench], Iterator[dict[str, Any]]]]:
        return {"fp16": broken}

    def broken(_: Bench) -> Iterator[dict[str, Any]]:
        yield {"load_seconds": 3.0}
        yield {"decode": {"1": 100.0}}
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(parts, "_works", works)
    bench = Bench(TINY, GpuBenchSettings(), tmp_path)

    with pytest.raises(RuntimeError, match="illegal memory access"):
        run("fp16", bench)

    assert bench.kept("fp16") == {"load_seconds": 3.0, "decode": {"1": 100.0}}
    assert bench.kept("int8") == {}


@pytest.mark.parametrize(
    ("rates", "best"),
    [({"nf4": 3.0, "int4-fast": 2.0}, "nf4"), ({"nf4": 3.0}, "nf4"), ({"fp16": 3.0}, None)],
)
def test_the_fastest_four_bit_part_that_ran_serves(
    rates: dict[str, float], best: str | None
) -> None:
    assert fastest_int4({name: precision(rate) for name, rate in rates.items()}) == best


def test_a_process_that_hangs_is_ended_with_all_that_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given a part that starts a server in a session of its own, and hangs
    started = tmp_path / "started"
    script = (
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "print('loaded', flush=True)\n"
        f"open({str(started)!r}, 'w').write(f'{{child.pid}} ')\n"
        "time.sleep(600)\n"
    )
    wait = subprocess.Popen.wait

    def patient(child: "subprocess.Popen[bytes]", timeout: float | None = None) -> int:
        if timeout is None:
            return wait(child)
        wait_until(lambda: started.exists() and started.read_text().endswith(" "))
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", patient)
    # When its time is over
    with pytest.raises(RuntimeError, match=r"did not end within 5 s; it said last: loaded"):
        run_apart(["-c", script], tmp_path, tmp_path / "log", seconds=5)
    # Then nothing of it runs any more
    wait_until(lambda: not _runs(int(started.read_text())), what="the end of the server")


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_process_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"status 1; it said last: .*no kernel image"):
        run_apart(["-c", "raise SystemExit('no kernel image')"], tmp_path, tmp_path / "log", 60)


def test_what_is_not_installed_is_told_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = {"bitsandbytes", "gemlite", "celery"}
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name in absent else name)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.delenv("CC", raising=False)

    reasons = needs.lacking(on_gpu=True)

    assert reasons["nf4"] == reasons["int8"] == reasons["eager"] == "not installed: bitsandbytes"
    assert reasons["service"] == "not installed: celery"
    assert reasons["gemlite"].startswith("Triton needs a C compiler")
    assert set(reasons) == {"nf4", "int8", "eager", "service", "gemlite"}


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
