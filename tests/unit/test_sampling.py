"""The next token of every row at once: greedy, inverse CDF, top_k, top_p, raw log-probabilities."""

from dataclasses import replace

import pytest
import torch

from common.sampling import Sampling
from worker.engines.slots.draw import Draw, uniform
from worker.engines.transformers.sampling import SHORTLIST, Sampler

PROBABILITIES = torch.tensor([0.1, 0.4, 0.2, 0.3])
LOGITS = PROBABILITIES.log() + 5
CPU = torch.device("cpu")
EVENLY = [(i + 0.5) / 1000 for i in range(1000)]


def frequencies(draw: Draw, logits: torch.Tensor = LOGITS) -> list[float]:
    """How often each token is chosen when u takes a thousand even steps through [0, 1)."""
    ids, _ = Sampler(CPU).sample(logits.expand(1000, -1), [replace(draw, u=u) for u in EVENLY])
    counts: list[int] = torch.bincount(ids, minlength=len(logits)).tolist()
    return [count / 1000 for count in counts]


def test_temperature_zero_takes_the_likeliest_token_whatever_the_luck() -> None:
    assert frequencies(Draw(temperature=0.0)) == [0, 1, 0, 0]


def test_temperature_one_draws_each_token_as_often_as_it_is_probable() -> None:
    assert frequencies(Draw(temperature=1.0)) == pytest.approx([0.1, 0.4, 0.2, 0.3], abs=0.002)


def test_a_low_temperature_sharpens_and_a_high_one_flattens() -> None:
    powers = PROBABILITIES.double()
    for temperature in (0.5, 2.0):
        expected = (powers ** (1 / temperature)) / (powers ** (1 / temperature)).sum()
        drawn = frequencies(Draw(temperature))
        assert drawn == pytest.approx(expected.tolist(), abs=0.002)


def test_a_temperature_near_zero_is_greedy_and_not_a_number_error() -> None:
    assert frequencies(Draw(temperature=1e-300)) == [0, 1, 0, 0]


def test_top_k_keeps_the_k_likeliest() -> None:
    assert frequencies(Draw(1.0, top_k=2)) == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=0.002)


def test_top_k_one_is_greedy_even_where_two_tokens_tie() -> None:
    tied = torch.tensor([0.0, 3.0, 3.0])
    assert frequencies(Draw(1.0, top_k=1), tied) == [0, 1, 0]


def test_top_k_beyond_the_vocabulary_keeps_all() -> None:
    assert frequencies(Draw(1.0, top_k=99)) == frequencies(Draw(1.0))


def test_top_p_keeps_the_smallest_set_that_reaches_the_mass() -> None:
    # 0.4 alone is short of 0.6; 0.4 + 0.3 reaches it
    assert frequencies(Draw(1.0, top_p=0.6)) == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=0.002)


def test_top_p_zero_keeps_the_likeliest_token() -> None:
    assert frequencies(Draw(1.0, top_p=0.0)) == [0, 1, 0, 0]


def test_top_p_counts_the_mass_that_top_k_left() -> None:
    # of 0.4, 0.3 and 0.2 the first is 0.44 of the mass: two are needed for 0.5
    drawn = frequencies(Draw(1.0, top_k=3, top_p=0.5))
    assert drawn == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=0.002)


@pytest.mark.parametrize(
    "draw",
    [Draw(), Draw(0.7), Draw(0.1, top_k=1), Draw(3.0, top_p=0.2), Draw(2.0, top_k=2, u=0.999)],
)
def test_log_probabilities_are_raw_whatever_the_knobs(draw: Draw) -> None:
    ids, logprobs = Sampler(CPU).sample(LOGITS[None], [draw])
    assert logprobs.exp().item() == pytest.approx(PROBABILITIES[ids.item()].item(), rel=1e-5)
    assert logprobs.dtype == torch.float32


def test_log_probabilities_of_half_precision_logits_are_computed_in_float32() -> None:
    logits = torch.randn(2, 5000, generator=torch.Generator().manual_seed(1)).bfloat16()
    ids, logprobs = Sampler(CPU).sample(logits, [Draw(), Draw(1.0, u=0.3)])
    expected = logits.float().log_softmax(-1)[[0, 1], ids]
    assert torch.equal(logprobs, expected)


def test_a_row_is_drawn_alike_alone_and_among_others() -> None:
    # given rows with different knobs
    logits = torch.randn(4, 300, generator=torch.Generator().manual_seed(2))
    draws = [Draw(), Draw(1.0, u=0.4), Draw(0.8, top_k=7, u=0.9), Draw(1.5, top_p=0.5, u=0.2)]
    # when they are sampled together and one by one
    together, logprobs = Sampler(CPU).sample(logits, draws)
    alone = [
        Sampler(CPU).sample(row[None], [draw]) for row, draw in zip(logits, draws, strict=True)
    ]
    # then nothing differs
    assert together.tolist() == [ids.item() for ids, _ in alone]
    assert logprobs.tolist() == [logprob.item() for _, logprob in alone]


def test_a_token_of_no_probability_is_never_drawn() -> None:
    logits = torch.tensor([float("-inf"), 0.0, float("-inf"), 0.0, float("-inf")])
    for u in (0.0, 0.5, 1 - 2**-52):
        ids, _ = Sampler(CPU).sample(logits[None], [Draw(1.0, u=u)])
        assert ids.item() in (1, 3)


def test_a_row_without_numbers_spoils_no_other() -> None:
    logits = torch.stack([torch.full((4,), float("nan")), LOGITS])
    ids, logprobs = Sampler(CPU).sample(logits, [Draw(1.0, u=0.5), Draw(1.0, u=0.0)])
    assert logprobs[0].isnan()
    assert ids[1].item() == 0
    assert logprobs[1].exp().item() == pytest.approx(0.1)


def test_luck_is_a_function_of_seed_and_position_alone() -> None:
    assert uniform(7, 0) == uniform(7, 0)
    assert len({uniform(seed, position) for seed in range(40) for position in range(40)}) == 1600
    assert uniform(11, 1) != uniform(1, 11)


def test_luck_is_spread_evenly_over_zero_to_one() -> None:
    numbers = sorted(uniform(seed, position) for seed in range(20) for position in range(100))
    gaps = [abs(number - (rank + 0.5) / 2000) for rank, number in enumerate(numbers)]
    assert numbers[0] >= 0
    assert numbers[-1] < 1
    assert max(gaps) < 0.03  # Kolmogorov-Smirnov, far in the tail for 2,000 numbers


def test_any_integer_is_a_seed() -> None:
    assert all(0 <= uniform(seed, 3) < 1 for seed in (-1, 0, 2**63, 2**200))


def test_a_draw_takes_its_knobs_from_the_request() -> None:
    sampling = Sampling(temperature=0.5, top_k=9, top_p=0.8)
    assert Draw.of(sampling, seed=4, position=2) == Draw(0.5, 9, 0.8, uniform(4, 2))


@pytest.mark.parametrize("top_k", [0, 5, SHORTLIST - 1, SHORTLIST, SHORTLIST + 1, 3000])
@pytest.mark.parametrize("top_p", [0.2, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("flatness", [0.1, 1.0, 30.0])
def test_a_long_vocabulary_is_cut_where_sorting_all_of_it_would_cut(
    top_k: int, top_p: float, flatness: float
) -> None:
    # given peaked and flat logits with ties, and a row that is not cut beside them
    logits = torch.randn(4, 5000, generator=torch.Generator().manual_seed(3)).bfloat16().float()
    draw = Draw(flatness, top_k=top_k, top_p=top_p)
    draws = [replace(draw, u=0.05), replace(draw, u=0.5), replace(draw, u=0.99), Draw(1.0, u=0.7)]
    # when they are sampled
    ids, _ = Sampler(CPU).sample(logits, draws)
    # then each is what a plain sort says
    assert ids.tolist() == [by_sorting(row, d) for row, d in zip(logits, draws, strict=True)]


def by_sorting(logits: torch.Tensor, draw: Draw) -> int:
    """The same draw for one row, in the plainest way."""
    weights = (logits.double() / draw.temperature).softmax(-1)
    order = sorted(range(len(weights)), key=lambda i: (-float(weights[i]), i))
    kept = set(order[: draw.top_k or None])
    mass = sum(float(weights[i]) for i in kept)
    reached = 0.0
    for rank, token_id in enumerate(order[: draw.top_k or None]):
        if draw.top_p < 1 and rank and reached >= draw.top_p * mass:
            kept.discard(token_id)
        reached += float(weights[token_id])
    cumulative = torch.tensor([float(w) * (i in kept) for i, w in enumerate(weights)]).double()
    cumulative = cumulative.cumsum(-1)
    return int((cumulative > draw.u * cumulative[-1]).nonzero()[0])


def test_what_rows_ask_for_is_kept_until_a_row_is_anothers() -> None:
    # given a sampler that has seen two rows
    sampler, logits = Sampler(CPU), LOGITS.expand(2, -1)
    draws = [Draw(1.0, top_k=2, u=0.1), Draw(0.5, u=0.9)]
    sampler.sample(logits, draws)
    kept = sampler._knobs
    # when they draw again, then nothing is made anew
    sampler.sample(logits, [replace(draw, u=0.4) for draw in draws])
    assert sampler._knobs is kept
    # and when one is another's, then it gets what it asks for
    ids, _ = sampler.sample(logits, [draws[0], Draw(0.0)])
    assert ids[1].item() == 1
