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
from worker.engines.llamacpp.runner import WORTH_COPYING_TOKENS, LlamaRunner
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
        (Draw(temperature=1e-300), {1}),
        (Draw(temperature=1e-300, top_p=0.9), {1}),
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


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.1, 1.0, 4.0, 12.0]),
    draw=st.builds(
        Draw,
        temperature=st.sampled_from([0.01, 0.1, 0.7, 1.0, 2.0]),
        top_k=st.sampled_from([0, 1, 3, 40, 1000]),
        top_p=st.sampled_from([0.001, 0.3, 0.9, 0.99, 1.0]),
        u=st.floats(0, 0.999),
    ),
)
def test_a_shortlist_changes_no_choice(seed: int, spread: float, draw: Draw) -> None:
    # given many logits, every fifth of them equal to another
    logits = np.random.default_rng(seed).normal(0, spread, 5000).astype(np.float32)
    logits[::5] = logits[1::5]
    assert sample(logits, draw)[0] == chosen_the_long_way(logits, draw)


def chosen_the_long_way(logits: NDArray[np.float32], draw: Draw) -> int:
    """All are sorted."""
    weights = np.exp((logits - logits.max()).astype(np.float64) / draw.temperature)
    order = np.argsort(-weights, kind="stable")[: draw.top_k or len(weights)]
    before = weights[order].cumsum() - weights[order]
    within = before < draw.top_p * weights[order].sum()
    kept = np.zeros_like(weights)
    kept[order[within]] = weights[order[within]]
    cumulative = kept.cumsum()
    return int(cumulative.searchsorted(draw.u * cumulative[-1], side="right"))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_logits_that_are_no_numbers_have_no_probability(bad: float, temperature: float) -> None:
    logits = LOGITS.copy()
    logits[2] = bad
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(sample(logits, Draw(temperature=temperature, top_p=0.5))[1])


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

    from worker.engines.transformers.sampling import Sampler

    ids, logprobs = Sampler(torch.device("cpu")).sample(torch.from_numpy(logits)[None], [draw])
    token_id, logprob = sample(logits, draw)
    assert token_id == ids.item()
    assert logprob == pytest.approx(logprobs.item(), abs=1e-4)


class Cache:
    """Stands in for a Context: remembers what each row holds, and refuses a gap."""

    n_batch = 4

    def __init__(self) -> None:
        self.rows: dict[int, list[int]] = {}
        self.batches: list[int] = []
        self.copies: list[tuple[int, int]] = []

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

    def copy(self, source: int, slot: int) -> None:
        self.copies.append((source, slot))
        self.rows[slot] = [*self.rows[source]]


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def runner(cache: Cache) -> LlamaRunner:
    return LlamaRunner(cast("Context", cache))


def sequence(prompt: str) -> Sequence:
    request = Generation(list(prompt.encode()), Sampling(temperature=0))
    return Sequence(request, Progress(request, ByteTokenizer(), 200, Event()), lambda _: None)


def run(runner: LlamaRunner, slot: int, sequence: Sequence, tokens: int) -> None:
    while not sequence.is_prefilled:
        runner.prefill(slot, sequence)
    for _ in range(tokens):
        sequence.append(runner.decode({slot: sequence})[slot])


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


def test_a_long_beginning_is_copied_from_the_row_that_has_most_of_it(
    runner: LlamaRunner, cache: Cache
) -> None:
    # given a row that began with less of the system prompt, and one that is busy with all of it
    system = "s" * WORTH_COPYING_TOKENS
    run(runner, 0, sequence("sss"), tokens=1)
    run(runner, 1, sequence(f"sss{system}: one"), tokens=2)
    cache.batches.clear()
    # when two others begin with it
    second, third = sequence(f"sss{system}: two"), sequence("sss, and no more")
    run(runner, 0, second, tokens=1)
    run(runner, 2, third, tokens=1)
    # then the first copies it and reads the rest, and the second reads all: it is short
    assert cache.copies == [(1, 0)]
    assert cache.batches == [2, 1, 4, 4, 4, 3, 1]
    assert bytes(cache.rows[0]) == f"sss{system}: two".encode()
    assert bytes(cache.rows[1]) == f"sss{system}: one!".encode(), "the lender keeps its own"
    assert second.cached == len(system) + len("sss: two")


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
        pair[slot].append(chosen)
    assert {slot: bytes(one.ids) for slot, one in pair.items()} == {0: b"abc!", 2: b'xyz"'}
    assert {slot: bytes(row) for slot, row in cache.rows.items()} == {0: b"abc", 2: b"xyz"}


def test_a_cleared_row_is_read_anew(runner: LlamaRunner, cache: Cache) -> None:
    run(runner, 0, sequence("abc"), tokens=1)
    runner.clear(0)
    assert cache.rows[0] == []
    run(runner, 0, sequence("abcd"), tokens=1)
    assert bytes(cache.rows[0]) == b"abcd"


def test_a_draft_goes_with_the_last_id_and_what_is_wrong_of_it_is_forgotten(
    runner: LlamaRunner, cache: Cache
) -> None:
    # given a model that chooses ! after the first id of a batch, " after the second, # ...
    one = sequence("abc")
    run(runner, 0, one, tokens=0)
    # when two of three drafted ids are those
    one.draft = list(b'!"?')
    chosen = runner.decode({0: one})[0]
    # then these and the one instead of the third come, and the row holds no wrong one
    assert bytes(choice.token_id for choice in chosen) == b'!"#'
    one.append(chosen)
    assert bytes(cache.rows[0]) == b'abc!"'
    assert bytes(one.ids) == b'abc!"#'
    assert cache.batches[-1] == 4
    # and the next step goes on from there
    one.append(runner.decode({0: one})[0])
    assert bytes(one.ids) == b'abc!"#!'


def test_rows_that_draft_together_do_not_mix(runner: LlamaRunner, cache: Cache) -> None:
    pair = {0: sequence("abc"), 2: sequence("xyz")}
    for (slot, one), draft in zip(pair.items(), (b"!?", b"#$"), strict=True):
        run(runner, slot, one, tokens=0)
        one.draft = list(draft)
    for slot, chosen in runner.decode(pair).items():
        pair[slot].append(chosen)
    assert {slot: bytes(one.ids) for slot, one in pair.items()} == {0: b'abc!"', 2: b"xyz$"}
    assert {slot: bytes(row) for slot, row in cache.rows.items()} == {0: b"abc!", 2: b"xyz"}


def test_a_row_whose_sequence_ended_inside_its_draft_serves_the_next_one(
    runner: LlamaRunner, cache: Cache
) -> None:
    # given a sequence that ended before all that its row holds
    one = sequence("abc")
    run(runner, 0, one, tokens=0)
    one.draft = list(b'!"')
    one.append(runner.decode({0: one})[0][:1])
    # when another follows
    run(runner, 0, sequence("abc!xyz"), tokens=1)
    assert bytes(cache.rows[0]) == b"abc!xyz"


def test_a_rehearsal_leaves_nothing_behind(runner: LlamaRunner, cache: Cache) -> None:
    runner.rehearse(2, 3)
    assert cache.batches == [8]
    assert cache.rows == {0: [], 1: []}
