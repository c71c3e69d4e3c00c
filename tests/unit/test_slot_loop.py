"""The thread that steps a model for many callers, with a model that only writes down its calls."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from itertools import count
from threading import Event, Thread
from typing import Any

import pytest

from common.sampling import FinishReason, Sampling
from common.tokenizer import ByteTokenizer
from worker.engines.base import Completion, EngineError, EngineOutOfMemory, Generation, Token
from worker.engines.progress import Progress
from worker.engines.slots.choice import Choice, accepted
from worker.engines.slots.lookup import Lookup
from worker.engines.slots.loop import EngineLoop
from worker.engines.slots.sequence import Sequence
from worker.engines.slots.speculation import Speculation

PIECE = 4
LETTERS = list(b"abcdefghijklmnopqrstuvwxyz")
#: Longer than any wait in a test that passes.
TIMEOUT_SECONDS = 20


class Tape:
    """A Runner that predicts the alphabet by position and records what it was asked to do."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, tuple[int, ...]]] = []
        self.drafts: list[bytes] = []
        self.cleared: list[int] = []
        self.logprob: dict[int, float] = {}
        self.before_decode: Callable[[], object] = lambda: None

    def step(self, running: Mapping[int, Sequence]) -> dict[int, list[Choice]]:
        for slot, newcomer in running.items():
            if not newcomer.is_prefilled:
                self._prefill(slot, newcomer)
                break
        ready = {slot: one for slot, one in running.items() if one.is_prefilled}
        return self._decode(ready) if ready else {}

    def _prefill(self, slot: int, sequence: Sequence) -> None:
        self.steps.append(("prefill", (slot,)))
        sequence.cached = min(sequence.cached + PIECE, len(sequence.ids) - 1)

    def _decode(self, sequences: Mapping[int, Sequence]) -> dict[int, list[Choice]]:
        self.steps.append(("decode", tuple(sorted(sequences))))
        self.before_decode()
        self.drafts += [bytes(one.draft) for one in sequences.values()]
        return {
            slot: accepted(self._letters(slot, one), one.draft) for slot, one in sequences.items()
        }

    def _letters(self, slot: int, sequence: Sequence) -> Iterator[Choice]:
        logprob = self.logprob.get(slot, -0.1)
        return (Choice(LETTERS[at % 26], logprob) for at in count(len(sequence.ids)))

    def rehearse(self, rows: int, draft: int) -> None:
        raise NotImplementedError

    def score(self, ids: Any) -> Any:
        raise NotImplementedError

    def clear(self, slot: int) -> None:
        self.cleared.append(slot)

    def close(self) -> None:
        pass


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.fixture
def loop(tape: Tape) -> Iterator[EngineLoop]:
    loop = EngineLoop(tape, slots=2)
    yield loop
    loop.close()


def ignore(_: list[Token]) -> None:
    pass


def sequence(
    on_tokens: Callable[[list[Token]], None] = ignore,
    *,
    prompt: int = 1,
    cancelled: Event | None = None,
    **knobs: Any,
) -> Sequence:
    """A generation with a prompt of so many tokens."""
    sampling = Sampling(**{"max_tokens": 6} | knobs)
    request = Generation(LETTERS[:prompt], sampling)
    progress = Progress(request, ByteTokenizer(), 64, cancelled or Event())
    return Sequence(request, progress, on_tokens)


def result(outcome: Future[Completion]) -> Completion:
    return outcome.result(TIMEOUT_SECONDS)


def submit_until_refused(loop: EngineLoop) -> None:
    while True:
        loop.submit(sequence())


def test_a_sequence_runs_to_its_end(loop: EngineLoop) -> None:
    completion = result(loop.submit(sequence()))
    assert completion.text == "bcdefg"
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.logprob_sum == pytest.approx(-0.6)
    assert loop.busy_slots() == 0


def test_a_neighbour_moves_on_between_the_pieces_of_a_long_prompt(
    loop: EngineLoop, tape: Tape
) -> None:
    # given one that decodes, and a newcomer whose prompt takes three pieces
    newcomers: list[Future[Completion]] = []

    def bring(_: list[Token]) -> None:
        if not newcomers:
            newcomers.append(loop.submit(sequence(prompt=2 * PIECE + 2)))

    result(loop.submit(sequence(bring)))
    result(newcomers[0])
    # then each piece is followed by a step of the neighbour, and both end in one batch
    first = tape.steps.index(("prefill", (1,)))
    alone, together = ("decode", (0,)), ("decode", (0, 1))
    assert tape.steps[first : first + 6 : 2] == [("prefill", (1,))] * 3
    assert tape.steps[first + 1 : first + 6 : 2] == [alone, alone, together]


def test_newcomers_are_prefilled_one_after_the_other(loop: EngineLoop, tape: Tape) -> None:
    outcomes = [loop.submit(sequence(prompt=PIECE + 2)) for _ in range(4)]
    assert [result(outcome).new_tokens for outcome in outcomes] == [6] * 4
    slots = [slots[0] for kind, slots in tape.steps if kind == "prefill"]
    assert slots == [slot for slot in slots[::2] for _ in range(2)]


def test_a_freed_slot_goes_to_the_one_who_waited_longest(loop: EngineLoop) -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[list[Token]], None]:
        return lambda _: order.append(name)

    outcomes = [loop.submit(sequence(note(name), max_tokens=1)) for name in "abcde"]
    assert all(result(outcome) for outcome in outcomes)
    assert order == list("abcde")


def test_a_step_that_fails_fails_its_callers_and_the_next_ones_are_served(
    loop: EngineLoop, tape: Tape
) -> None:
    # given a model that breaks when both slots are busy and two more wait
    waiting: list[Future[Completion]] = []

    def break_down() -> None:
        while len(waiting) < 3:
            waiting.append(loop.submit(sequence()))
        raise RuntimeError("CUDA error: out of paper")

    tape.before_decode = break_down
    running = loop.submit(sequence())
    # then everybody gets an error that says why
    with pytest.raises(EngineError, match="out of paper") as caught:
        result(running)
    assert isinstance(caught.value.__cause__, RuntimeError)
    for outcome in waiting:
        with pytest.raises(EngineError, match="out of paper"):
            result(outcome)
    # and the next caller is served
    tape.before_decode = lambda: None
    assert result(loop.submit(sequence())).new_tokens == 6


def test_a_step_that_runs_out_of_memory_says_so_to_everybody(loop: EngineLoop, tape: Tape) -> None:
    both = Event()

    def break_down() -> None:
        both.wait(TIMEOUT_SECONDS)
        raise EngineOutOfMemory("2 GiB are missing")

    tape.before_decode = break_down
    outcomes = [loop.submit(sequence()), loop.submit(sequence())]
    both.set()
    for outcome in outcomes:
        with pytest.raises(EngineOutOfMemory, match="2 GiB"):
            result(outcome)


def test_a_row_without_numbers_fails_alone_and_is_forgotten(loop: EngineLoop, tape: Tape) -> None:
    both = Event()
    tape.before_decode = lambda: both.wait(TIMEOUT_SECONDS)
    tape.logprob[1] = float("nan")
    healthy, sick = loop.submit(sequence()), loop.submit(sequence())
    both.set()
    with pytest.raises(EngineError, match="number"):
        result(sick)
    assert result(healthy).new_tokens == 6
    assert tape.cleared == [1]


def test_a_cancel_in_the_listener_is_the_end(loop: EngineLoop) -> None:
    cancelled = Event()
    completion = result(loop.submit(sequence(lambda _: cancelled.set(), cancelled=cancelled)))
    assert completion.finish_reason is FinishReason.CANCELLED
    assert completion.new_tokens == 1


def test_a_step_that_hangs_shows(loop: EngineLoop, tape: Tape) -> None:
    # given a step that does not come back
    inside, released = Event(), Event()

    def hang() -> None:
        inside.set()
        released.wait(TIMEOUT_SECONDS)

    tape.before_decode = hang
    outcome = loop.submit(sequence())
    assert inside.wait(TIMEOUT_SECONDS)
    # then the last step stays where it was, with a slot busy
    seen = loop.last_step()
    while time.monotonic() <= seen:
        pass
    assert loop.last_step() == seen < time.monotonic()
    assert loop.busy_slots() == 1
    released.set()
    result(outcome)
    assert loop.last_step() > seen


def test_close_waits_for_the_step_and_fails_who_is_left(loop: EngineLoop, tape: Tape) -> None:
    # given a step under way
    inside, released = Event(), Event()

    def hold() -> None:
        inside.set()
        released.wait(TIMEOUT_SECONDS)

    tape.before_decode = hold
    running = loop.submit(sequence())
    assert inside.wait(TIMEOUT_SECONDS)
    # when the loop is closed
    closing = Thread(target=loop.close)
    closing.start()
    with pytest.raises(EngineError, match="closed"):
        submit_until_refused(loop)
    assert closing.is_alive()
    released.set()
    closing.join(TIMEOUT_SECONDS)
    # then that step was the last
    with pytest.raises(EngineError, match="closed"):
        result(running)
    assert tape.steps == [("decode", (0,))]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_leaves_nobody_waiting(loop: EngineLoop, tape: Tape) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    tape.before_decode = die
    with pytest.raises(EngineError):
        result(loop.submit(sequence()))
    with pytest.raises(EngineError):
        loop.submit(sequence())


# Drafts


@pytest.fixture
def drafting(tape: Tape) -> Iterator[EngineLoop]:
    """Drafts three ids wherever the last ones were there before: a draft costs nothing."""
    loop = EngineLoop(tape, 2, Speculation([[1.0] * 4] * 2, 64))
    yield loop
    loop.close()


def repeating(on_tokens: Callable[[list[Token]], None] = ignore, **knobs: Any) -> Sequence:
    """One whose prompt is the alphabet and ``ab``, so that each draft is right."""
    return drafter([*LETTERS, *LETTERS[:2]], on_tokens, **knobs)


def drafter(
    prompt: list[int],
    on_tokens: Callable[[list[Token]], None] = ignore,
    cancelled: Event | None = None,
    **knobs: Any,
) -> Sequence:
    """One whose prompt is read, and whose answer is drafted."""
    request = Generation(prompt, Sampling(**{"max_tokens": 10} | knobs))
    progress = Progress(request, ByteTokenizer(), 64, cancelled or Event())
    one = Sequence(request, progress, on_tokens, lookup=Lookup(prompt))
    one.reuse(len(prompt) - 1)
    return one


def test_the_tokens_of_a_right_draft_come_together(drafting: EngineLoop, tape: Tape) -> None:
    steps: list[str] = []
    one = repeating(lambda tokens: steps.append("".join(token.text for token in tokens)))
    completion = result(drafting.submit(one))
    assert steps == ["cdef", "ghij", "kl"]
    assert completion.text == "cdefghijkl"
    assert completion.new_tokens == 10
    assert completion.logprob_sum == pytest.approx(-1.0)
    assert (completion.drafted_tokens, completion.accepted_tokens) == (9, 7)


def test_a_wrong_draft_costs_nothing_but_itself(drafting: EngineLoop, tape: Tape) -> None:
    # given a prompt that lets expect another letter than the one that comes
    completion = result(drafting.submit(drafter(list(b"abX.ab"), max_tokens=4)))
    assert tape.drafts[0] == b"X.a"
    assert completion.text == "ghij"
    assert completion.accepted_tokens < completion.drafted_tokens


def test_nothing_comes_after_a_stop_string_that_ends_inside_a_draft(drafting: EngineLoop) -> None:
    told: list[Token] = []
    completion = result(drafting.submit(repeating(told.extend, stop=("e",))))
    assert (completion.text, completion.finish_reason) == ("cd", FinishReason.STOP)
    assert [token.id for token in told] == list(completion.token_ids) == list(b"cde")


def test_no_more_tokens_come_than_were_asked_for(drafting: EngineLoop) -> None:
    told: list[Token] = []
    completion = result(drafting.submit(repeating(told.extend, max_tokens=6)))
    assert (completion.text, completion.finish_reason) == ("cdefgh", FinishReason.LENGTH)
    assert len(told) == completion.new_tokens == 6


def test_a_cancel_ends_an_answer_with_the_step_that_it_came_in(drafting: EngineLoop) -> None:
    cancelled = Event()
    one = repeating(lambda _: cancelled.set(), cancelled=cancelled)
    completion = result(drafting.submit(one))
    assert completion.finish_reason is FinishReason.CANCELLED
    assert completion.text == "cdef"


def test_a_row_without_numbers_fails_inside_a_draft_too(drafting: EngineLoop, tape: Tape) -> None:
    tape.logprob[0] = float("nan")
    with pytest.raises(EngineError, match="number"):
        result(drafting.submit(repeating()))
    assert tape.cleared == [0]
