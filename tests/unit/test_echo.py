"""The engine without a model: a prompt comes back, at a set rate, in a set number of slots."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from common.prompt import Prompt
from common.sampling import FinishReason, Sampling
from common.tokenizer import ByteTokenizer
from tests.support.waiting import wait_until
from worker.engines.base import Completion, EngineError, Generation, Token
from worker.engines.echo import EchoEngine
from worker.engines.settings import EngineSettings

BYTES = ByteTokenizer()
SLOW = 0.001  # tokens per second


def request(
    text: str,
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    *,
    generated: bytes = b"",
    deadline: float | None = None,
) -> Generation:
    return Generation(BYTES.encode(Prompt(text=text)), sampling, list(generated), deadline)


def run(engine: EchoEngine, generation: Generation) -> tuple[Completion, list[list[Token]]]:
    calls: list[list[Token]] = []
    return engine.generate(generation, calls.append, Event()), calls


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine(EngineSettings(), BYTES)


@pytest.fixture
def slow() -> Iterator[EchoEngine]:
    engine = EchoEngine(EngineSettings(slots=2, echo_tokens_per_second=SLOW), BYTES)
    yield engine
    engine.close()


@pytest.fixture
def start(slow: EchoEngine) -> Iterator[Callable[..., Future[Completion]]]:
    """Start a generation on a thread of its own."""
    with ThreadPoolExecutor(8) as callers:

        def submit(
            cancelled: Event | None = None, deadline: float | None = None
        ) -> Future[Completion]:
            generation = request("llama", deadline=deadline)
            return callers.submit(slow.generate, generation, lambda _: None, cancelled or Event())

        yield submit
        slow.close()


def test_the_prompt_comes_back_over_and_over_until_max_tokens(engine: EchoEngine) -> None:
    completion, _ = run(engine, request("abc", Sampling(max_tokens=7)))
    assert completion.text == "abcabca"
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.new_tokens == 7


def test_the_pieces_given_out_are_the_text(engine: EchoEngine) -> None:
    completion, calls = run(engine, request("Karawane 🦙 ", Sampling(max_tokens=500)))
    tokens = [token for call in calls for token in call]
    assert "".join(token.text for token in tokens) == completion.text
    assert tuple(token.id for token in tokens) == completion.token_ids
    assert completion.logprob_sum == pytest.approx(sum(token.logprob or 0 for token in tokens))


def test_at_full_speed_tokens_come_in_groups(engine: EchoEngine) -> None:
    _, calls = run(engine, request("abc", Sampling(max_tokens=100)))
    assert [len(call) for call in calls] == [32, 32, 32, 4]


def test_a_stop_string_ends_it_and_is_not_shown(engine: EchoEngine) -> None:
    completion, _ = run(engine, request("one two three ", Sampling(max_tokens=50, stop=("three",))))
    assert completion.text == "one two "
    assert completion.finish_reason is FinishReason.STOP


def test_a_prompt_without_ids_ends_at_once(engine: EchoEngine) -> None:
    completion, _ = run(engine, request("", Sampling(max_tokens=5)))
    assert completion.text == ""
    assert completion.token_ids == (256,)
    assert completion.finish_reason is FinishReason.STOP


def test_a_second_attempt_goes_on_where_the_first_one_stood(engine: EchoEngine) -> None:
    whole, _ = run(engine, request("abcde", Sampling(max_tokens=12)))
    rest, calls = run(engine, request("abcde", Sampling(max_tokens=12), generated=b"abcdeab"))
    assert rest.token_ids == whole.token_ids
    assert rest.text == whole.text
    assert rest.new_tokens == 5
    assert bytes(token.id for call in calls for token in call) == b"cdeab"


def test_an_attempt_that_had_ended_makes_no_token(engine: EchoEngine) -> None:
    completion, calls = run(engine, request("abc", Sampling(max_tokens=3), generated=b"abc"))
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.new_tokens == 0
    assert completion.time_to_first_token_seconds is None
    assert calls == []


def test_the_end_of_the_context_is_the_end() -> None:
    engine = EchoEngine(EngineSettings(context_size=8), BYTES)
    completion, _ = run(engine, request("abc", Sampling(max_tokens=50)))
    assert completion.text == "abcab"
    assert completion.finish_reason is FinishReason.LENGTH
    with pytest.raises(EngineError, match="8 tokens leaves no room in a context of 8"):
        run(engine, request("a" * 8, Sampling(max_tokens=50)))


def test_a_rate_spaces_the_tokens() -> None:
    engine = EchoEngine(EngineSettings(echo_tokens_per_second=100), BYTES)
    started = time.monotonic()
    completion, calls = run(engine, request("abc", Sampling(max_tokens=11)))
    assert time.monotonic() - started >= 0.11
    assert completion.decode_seconds >= 0.05  # ten tokens follow the first; a busy machine is late
    assert [len(call) for call in calls] == [1] * 11


def test_cancel_ends_the_wait_for_a_slow_token(
    slow: EchoEngine, start: Callable[..., Future[Completion]]
) -> None:
    cancelled = Event()
    running = start(cancelled)
    wait_until(lambda: slow.busy_slots() == 1)
    cancelled.set()
    assert running.result(30).finish_reason is FinishReason.CANCELLED


def test_a_deadline_ends_the_wait_for_a_slow_token(
    start: Callable[..., Future[Completion]],
) -> None:
    running = start(deadline=time.monotonic() + 0.05)
    assert running.result(30).finish_reason is FinishReason.TIMEOUT


def test_callers_beyond_the_slots_wait_and_can_leave(
    slow: EchoEngine, start: Callable[..., Future[Completion]]
) -> None:
    # given two slots, both busy
    first, waiting = Event(), Event()
    running = [start(first), start()]
    wait_until(lambda: slow.busy_slots() == 2)
    # when two more come, and one of them is cancelled
    leaving, staying = start(waiting), start(deadline=time.monotonic() + 60)
    waiting.set()
    # then it leaves without a slot, and the other one gets the next that is free
    assert leaving.result(30).finish_reason is FinishReason.CANCELLED
    assert slow.busy_slots() == 2
    first.set()
    assert running[0].result(30).finish_reason is FinishReason.CANCELLED
    wait_until(lambda: slow.busy_slots() == 2)
    assert not staying.done()


def test_close_ends_everybody_with_an_error(
    slow: EchoEngine, start: Callable[..., Future[Completion]]
) -> None:
    callers = [start() for _ in range(3)]
    wait_until(lambda: slow.busy_slots() == 2)
    slow.close()
    for caller in callers:
        with pytest.raises(EngineError, match="closed"):
            caller.result(30)


def test_a_slot_is_free_again_after_a_reader_failed(engine: EchoEngine) -> None:
    def broken(_: list[Token]) -> None:
        raise RuntimeError("the reader is gone")

    with pytest.raises(RuntimeError):
        engine.generate(request("abc"), broken, Event())
    assert engine.busy_slots() == 0
