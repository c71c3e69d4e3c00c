"""The llamacpp engine's own decisions: which token, and what stays in a row of the cache."""

from collections.abc import Sequence as Ids
from threading import Event
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from common.sampling import Sampling
from common.tokenizer import ByteTokenizer
from worker.engines.base import Generation
from worker.engines.llamacpp.context import Context, Entry
from worker.engines.llamacpp.runner import LlamaRunner
from worker.engines.llamacpp.sampling import sample
from worker.engines.progress import Progress
from worker.engines.slots.draw import Draw
from worker.engines.slots.sequence import Sequence

LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32)) + 5


@pytest.mark.parametrize(
    ("u", "expected"), [(0.0, 0), (0.09, 0), (0.11, 1), (0.49, 1), (0.6, 2), (0.999999, 3)]
)
def test_u_walks_the_cumulative_probabilities(u: float, expected: int) -> None:
    assert sample(LOGITS, Draw(temperature=1.0, u=u))[0] == expected


@pytest.mark.parametrize(
    ("draw", "reachable"),
    [
        (Draw(temperature=0.0), {1}),
        (Draw(temperature=1.0), {0, 1, 2, 3}),
        (Draw(temperature=1.0, top_k=2), {1, 3}),
        (Draw(temperature=1.0, top_k=9), {0, 1, 2, 3}),
        (Draw(temperature=1.0, top_p=0.39), {1}),
        (Draw(temperature=1.0, top_p=0.6), {1, 3}),
        (Draw(temperature=1.0, top_p=0.0), {1}),
        (Draw(temperature=1.0, top_k=3, top_p=0.95), {1, 2, 3}),
        (Draw(temperature=0.01), {1}),
    ],
)
def test_top_k_top_p_and_temperature_leave_the_likeliest(draw: Draw, reachable: set[int]) -> None:
    draws = [
        Draw(draw.temperature, draw.top_k, draw.top_p, u) for u in np.linspace(0.0001, 0.9999, 200)
    ]
    assert {sample(LOGITS, d)[0] for d in draws} == reachable


def test_a_logprob_is_of_the_whole_distribution() -> None:
    for draw in (Draw(), Draw(temperature=1.7, top_k=1), Draw(temperature=0.3, top_p=0.1)):
        token_id, logprob = sample(LOGITS, draw)
        assert token_id == 1
        assert logprob == pytest.approx(np.log(0.4), abs=1e-6)


@pytest.mark.torch
@settings(deadline=None)
@given(
    logits=arrays(np.float32, 40, elements=st.floats(-20, 20, width=32), unique=True),
    draw=st.builds(
        Draw,
        temperature=st.sampled_from([0.0, 0.1, 0.7, 2.0]),
        top_k=st.sampled_from([0, 1, 3, 40]),
        top_p=st.sampled_from([0.3, 0.9, 1.0]),
        u=st.floats(0, 0.999),
    ),
)
def test_both_engines_choose_the_same_token(logits: NDArray[np.float32], draw: Draw) -> None:
    import torch

    from worker.engines.transformers.sampling import sample as sample_rows

    ids, logprobs = sample_rows(torch.from_numpy(logits)[None], [draw])
    token_id, logprob = sample(logits, draw)
    assert token_id == ids.item()
    assert logprob == pytest.approx(logprobs.item(), abs=1e-4)


class Cache:
    """Stands in for a Context: remembers what each row holds, and refuses a gap."""

    n_batch = 4

    def __init__(self) -> None:
        self.rows: dict[int, list[int]] = {}
        self.batches: list[int] = []

    def decode(self, entries: Ids[Entry]) -> None:
        self.batches.append(len(entries))
        for entry in entries:
            row = self.rows.setdefault(entry.slot, [])
            assert entry.position == len(row), "a gap in the row, or a token written twice"
            row.append(entry.token_id)

    def logits(self, row: int) -> NDArray[np.float32]:
        logits = np.zeros(256, np.float32)
        logits[ord("!") + row] = 1
        return logits

    def forget(self, slot: int, position: int) -> None:
        del self.rows.setdefault(slot, [])[position:]


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def runner(cache: Cache) -> LlamaRunner:
    return LlamaRunner(cast("Context", cache))


def sequence(prompt: str) -> Sequence:
    request = Generation(list(prompt.encode()), Sampling(temperature=0))
    return Sequence(request, Progress(request, ByteTokenizer(), 100, Event()), lambda _: None)


def run(runner: LlamaRunner, slot: int, sequence: Sequence, tokens: int) -> None:
    while not sequence.is_prefilled:
        runner.prefill(slot, sequence)
    for _ in range(tokens):
        sequence.append(*runner.decode({slot: sequence})[slot])


def test_a_prompt_is_read_in_pieces_and_all_but_its_last_id(
    runner: LlamaRunner, cache: Cache
) -> None:
    run(runner, 0, sequence("a long prompt"), tokens=0)
    assert cache.batches == [4, 4, 4]
    assert bytes(cache.rows[0]) == b"a long promp"


def test_a_row_holds_every_id_but_the_last_one(runner: LlamaRunner, cache: Cache) -> None:
    one = sequence("abc")
    run(runner, 0, one, tokens=3)
    assert bytes(one.ids) == b"abc!!!"
    assert bytes(cache.rows[0]) == b"abc!!"


def test_the_next_sequence_reads_only_what_is_new_to_the_row(
    runner: LlamaRunner, cache: Cache
) -> None:
    run(runner, 0, sequence("system: one"), tokens=2)
    cache.batches.clear()
    run(runner, 0, sequence("system: two"), tokens=1)
    assert cache.batches == [2, 1]
    assert bytes(cache.rows[0]) == b"system: two"


@pytest.mark.parametrize("prompt", ["abc", "ab", "a", "abc!!!!!", "xyz"])
def test_any_sequence_may_follow_any_other(runner: LlamaRunner, cache: Cache, prompt: str) -> None:
    run(runner, 0, sequence("abc"), tokens=3)
    run(runner, 0, sequence(prompt), tokens=1)
    assert bytes(cache.rows[0]) == prompt.encode()


def test_rows_that_decode_together_do_not_mix(runner: LlamaRunner, cache: Cache) -> None:
    pair = {0: sequence("abc"), 2: sequence("xyz")}
    for slot, one in pair.items():
        run(runner, slot, one, tokens=0)
    for slot, chosen in runner.decode(pair).items():
        pair[slot].append(*chosen)
    assert {slot: bytes(one.ids) for slot, one in pair.items()} == {0: b"abc!", 2: b'xyz"'}
    assert {slot: bytes(row) for slot, row in cache.rows.items()} == {0: b"abc", 2: b"xyz"}


def test_a_cleared_row_is_read_anew(runner: LlamaRunner, cache: Cache) -> None:
    run(runner, 0, sequence("abc"), tokens=1)
    runner.clear(0)
    assert cache.rows[0] == []
    run(runner, 0, sequence("abcd"), tokens=1)
    assert bytes(cache.rows[0]) == b"abcd"
