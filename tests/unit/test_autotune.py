"""How many threads: what is tried, what is chosen, what is remembered, and what there is at most."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from quantization.measure.machine import machine
from tests.support.engines import default_artifacts
from worker.__main__ import read_arguments
from worker.engines.cores import quota, usable_cores
from worker.engines.llamacpp.autotune import candidates, choose, sweep
from worker.engines.llamacpp.context import Entry, Threads
from worker.engines.llamacpp.tunings import tuned

SLOTS = 3


class Machine:
    """Stands in for a Context: a step takes as long as its clock says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, best: int) -> None:
        self.now = 0.0
        self.best = best
        self.threads = Threads(8, 8)
        self.steps = 0
        self.rows: dict[int, int] = {}
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def set_threads(self, threads: Threads) -> None:
        self.threads = threads

    def decode(self, entries: Sequence[Entry]) -> None:
        self.steps += 1
        for entry in entries:
            assert entry.position == self.rows.get(entry.slot, 0), "a gap in the row"
            self.rows[entry.slot] = entry.position + 1
        many = len(entries) > 1
        wanted = self.best if many else self.best // 2
        self.now += 0.1 + 0.05 * abs((self.threads.many if many else self.threads.one) - wanted)

    def forget(self, slot: int, position: int) -> None:
        self.rows[slot] = position


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (1, [1]),
        (2, [2, 1]),
        (4, [4, 3, 2, 1]),
        (16, [16, 12, 8, 6, 4, 3, 2, 1]),
        (6, [6, 4, 3, 2, 1]),
    ],
)
def test_fewer_and_fewer_threads_are_tried(most: int, expected: list[int]) -> None:
    assert candidates(most) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({8: 1.0, 4: 0.5, 2: 0.7}, 4), ({8: 1.0, 4: 0.98}, 8), ({8: 1.0, 4: 2.0}, 8)],
)
def test_the_default_stays_unless_another_is_clearly_faster(
    seconds: dict[int, float], expected: int
) -> None:
    assert choose(seconds) == expected


def test_a_sweep_sets_what_is_best_for_one_row_and_for_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, best=4)
    assert sweep(machine, SLOTS, 8, budget=1000) == Threads(one=2, many=4)
    assert machine.threads == Threads(one=2, many=4)
    assert set(machine.rows.values()) == {0}, "nothing is left in the cache"


def test_a_sweep_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a machine on which a step takes a fifth of a second or more
    machine = Machine(monkeypatch, best=4)
    best = sweep(machine, SLOTS, 8, budget=1)
    # then what was measured by then decides: the default alone
    assert best == Threads(8, 8)
    assert machine.now < 3


def test_what_was_found_is_measured_once_for_each_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine, artifact = Machine(monkeypatch, best=4), default_artifacts()["gguf"]
    cache = tmp_path / "cache" / "autotune.json"
    first = tuned(machine, artifact, SLOTS, 8, cache)
    steps = machine.steps
    machine.set_threads(Threads(8, 8))
    assert tuned(machine, artifact, SLOTS, 8, cache) == first == machine.threads
    assert machine.steps == steps
    # another model, or a limit, is another question
    files = [file | {"sha256": "0" * 64} for file in artifact.manifest["files"]]
    other = replace(artifact, manifest={**artifact.manifest, "files": files})
    tuned(machine, other, SLOTS, 8, cache)
    tuned(machine, artifact, SLOTS, 2, cache)
    assert len(json.loads(cache.read_text())) == 3


@pytest.mark.parametrize("damaged", ["", "{", "[]"])
def test_a_memory_that_cannot_be_read_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damaged: str
) -> None:
    cache = tmp_path / "autotune.json"
    cache.write_text(damaged)
    machine = Machine(monkeypatch, best=4)
    assert tuned(machine, default_artifacts()["gguf"], SLOTS, 8, cache) == Threads(2, 4)
    assert len(json.loads(cache.read_text())) == 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("-1 100000", None),
        ("", None),
        ("100000 0", None),
    ],
)
def test_a_control_group_limits_the_cores(limit: str, expected: int | None) -> None:
    assert quota(limit) == expected


def test_a_process_that_may_run_on_one_core_uses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3})
    assert usable_cores() == 1
    assert machine()["cores"] == 1  # what a report says that it was measured on


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [([], "", False), (["--autotune"], "", True), ([], "true", True)],
)
def test_autotune_is_asked_for_by_flag_or_setting(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    environment: str,
    expected: bool,
) -> None:
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.setenv("LLAMACPP_AUTOTUNE", environment)
    role, worker = read_arguments(["inference", *arguments])
    cache = worker.engine_settings().autotune_cache
    assert role == "inference"
    assert cache == (tmp_path / "cache" / "autotune.json" if expected else None)
