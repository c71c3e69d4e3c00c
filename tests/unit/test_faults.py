"""Faults on demand: what tests of the service lean on must itself be right."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from common.prompt import Prompt
from common.sampling import Sampling
from common.tokenizer import ByteTokenizer
from tests.support.waiting import wait_until
from worker.engines.base import EngineError, EngineOutOfMemory, Generation
from worker.engines.echo import EchoEngine
from worker.engines.faults import OUT_OF_MEMORY, Faults
from worker.engines.settings import EngineSettings

BYTES = ByteTokenizer()
REQUEST = Generation(BYTES.encode(Prompt(text="abc")), Sampling(max_tokens=3))


def test_without_files_nothing_fails(tmp_path: Path) -> None:
    Faults().step(busy_slots=3)
    Faults(tmp_path / "fail", tmp_path / "hang").step(busy_slots=3)


def test_a_step_fails_while_the_file_exists(tmp_path: Path) -> None:
    fail = tmp_path / "fail"
    engine = EchoEngine(EngineSettings(echo_fail_file=fail), BYTES)
    fail.write_text("CUDA error\n")
    with pytest.raises(EngineError, match="^CUDA error$"):
        engine.generate(REQUEST, lambda _: None, Event())
    with pytest.raises(EngineError, match="^CUDA error$"):
        engine.warmup()
    assert engine.busy_slots() == 0
    fail.unlink()
    assert engine.generate(REQUEST, lambda _: None, Event()).text == "abc"


def test_memory_is_too_short_for_two_but_not_for_one(tmp_path: Path) -> None:
    fail = tmp_path / "fail"
    fail.write_text(OUT_OF_MEMORY)
    Faults(fail).step(busy_slots=1)
    with pytest.raises(EngineOutOfMemory):
        Faults(fail).step(busy_slots=2)


def test_a_step_hangs_while_the_file_exists_and_shows_it(tmp_path: Path) -> None:
    # given a step that does not return, though its caller has gone
    hang, cancelled = tmp_path / "hang", Event()
    hang.touch()
    engine = EchoEngine(EngineSettings(echo_hang_file=hang), BYTES)
    with ThreadPoolExecutor(1) as callers:
        call = callers.submit(engine.generate, REQUEST, lambda _: None, cancelled)
        wait_until(lambda: engine.busy_slots() == 1)
        began = wait_until(lambda: engine.last_step() < time.monotonic() and engine.last_step())
        cancelled.set()
        # then its last step stays where it was
        with pytest.raises(TimeoutError):
            call.result(0.1)
        assert engine.last_step() == began
        hang.unlink()
        call.result(30)
    # and without a busy slot there is nothing that could hang
    before = time.monotonic()
    assert engine.last_step() >= before
