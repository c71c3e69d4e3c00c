"""Turns of a closed loop, as benchmarks count them."""

import os
from collections.abc import Mapping, Sequence
from itertools import count
from threading import Barrier

import pytest

from benchmarks.stack.client import answer_body
from benchmarks.stack.ours import tokens_used
from benchmarks.stack.turns import (
    Outcome,
    Turn,
    closed_loop,
    in_turn,
    milliseconds_a_token,
    question,
    share,
)


class Way:
    """A contender that writes down what it was asked."""

    def __init__(self, name: str, log: list[tuple[str, Sequence[Sequence[int]]]]) -> None:
        self._name = name
        self._log = log

    def run(self, jobs: Sequence[Sequence[int]]) -> Outcome:
        self._log.append((self._name, jobs))
        return Outcome(tokens=10, seconds=2.0)

    def pids(self) -> Mapping[str, int]:
        return {"this": os.getpid()}


def test_ways_get_the_same_jobs_and_change_places_after_a_round_that_warms_up() -> None:
    log: list[tuple[str, Sequence[Sequence[int]]]] = []
    turns = in_turn({"a": Way("a", log), "b": Way("b", log)}, rounds=2, clients=2, jobs=1)
    assert [name for name, _ in log] == ["a", "b", "b", "a", "a", "b"]
    assert [jobs for _, jobs in log[::2]] == [jobs for _, jobs in log[1::2]]
    assert log[2][1] == [[2], [3]], "no job is asked twice"
    assert [turn.tokens_per_second for turn in turns["a"]] == [5.0, 5.0]
    assert turns["a"][0].cpu["this"] >= 0


def test_each_client_asks_for_its_own_jobs_while_the_others_do() -> None:
    asked: list[int] = []
    together = Barrier(2, timeout=20)

    def ask(number: int) -> int:
        together.wait()
        asked.append(number)
        return number

    outcome = closed_loop(ask, [[1, 2], [3, 4]])
    assert outcome.tokens == 10
    assert sorted(asked) == [1, 2, 3, 4]
    assert outcome.seconds > 0


def test_numbers_are_shared_in_order() -> None:
    numbers = count(5)
    assert share(numbers, clients=2, jobs=2) == [[5, 6], [7, 8]]
    assert next(numbers) == 9


def test_a_token_costs_what_all_turns_cost() -> None:
    turns = [Turn(Outcome(10, 1), {"worker": 0.1}), Turn(Outcome(30, 1), {"worker": 0.1})]
    assert milliseconds_a_token(turns) == {"worker": 5.0}


def test_no_two_questions_are_alike() -> None:
    assert len({question(number) for number in range(100)}) == 100


@pytest.mark.parametrize(
    "tail",
    [
        b'{"completion_tokens":64,"prompt_tokens":9}}\n\ndata: [DONE]\n',
        b'{"completion_tokens": 64}}',
    ],
)
def test_the_tokens_of_a_stream_are_those_of_its_last_usage(tail: bytes) -> None:
    assert tokens_used(b'data: {"usage":{"completion_tokens":1,"a":2}}\n\ndata: ' + tail) == 64


def test_a_stream_without_usage_is_an_error() -> None:
    with pytest.raises(ValueError, match="without usage"):
        tokens_used(b"data: [DONE]")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", b"{}"),
        (CHUNKED + b"5\r\ndata:\r\n3\r\n{}\n\r\n0\r\n\r\n", b"data:{}\n"),
    ],
    ids=["whole", "in chunks"],
)
def test_an_answer_is_read_as_it_was_sent(answer: bytes, body: bytes) -> None:
    assert answer_body(answer) == body


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
        CHUNKED + b"5\r\nda",
        CHUNKED + b"5\r\ndata:\r\n",
    ],
    ids=["nothing", "a refusal", "half a chunk", "no last chunk"],
)
def test_what_is_no_whole_answer_is_an_error(answer: bytes) -> None:
    with pytest.raises(RuntimeError):
        answer_body(answer)
