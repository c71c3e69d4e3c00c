"""The next token of every row at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from worker.engines.slots.draw import Draw


def sample(logits: Tensor, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
    """Choose a token for every row of ``logits`` [rows, vocab].

    Returns ids [rows] and their log-probabilities [rows], float32 and raw: before
    temperature, top_k and top_p. Rows do not influence each other.
    """
    logits = logits.float()
    ids = logits.argmax(-1)
    drawn = [row for row, draw in enumerate(draws) if draw.temperature > 0]
    if drawn:
        ids[drawn] = _inverse_cdf(logits[drawn], [draws[row] for row in drawn])
    logprobs = logits.log_softmax(-1).gather(-1, ids[:, None])[:, 0]
    return ids, logprobs


def _inverse_cdf(logits: Tensor, draws: Sequence[Draw]) -> Tensor:
    """The first token at which the cumulative probability exceeds ``u``."""
    temperature = _column([draw.temperature for draw in draws], logits)
    peak = logits.amax(-1, keepdim=True)
    probabilities = ((logits.double() - peak) / temperature).softmax(-1)
    if any(draw.top_k > 0 or draw.top_p < 1 for draw in draws):
        probabilities = _truncate(probabilities, draws)
    cumulative = probabilities.cumsum(-1)
    threshold = _column([draw.u for draw in draws], logits) * cumulative[:, -1:]
    ids = torch.searchsorted(cumulative, threshold, right=True)[:, 0]
    return ids.clamp_(max=logits.shape[-1] - 1)


def _truncate(probabilities: Tensor, draws: Sequence[Draw]) -> Tensor:
    """Zero all but the ``top_k`` likeliest, and of these all past the mass ``top_p``."""
    vocab = probabilities.shape[-1]
    top_k = _column([draw.top_k if draw.top_k > 0 else vocab for draw in draws], probabilities)
    top_p = _column([draw.top_p for draw in draws], probabilities)
    ordered, order = probabilities.sort(stable=True, dim=-1, descending=True)
    rank = torch.arange(vocab, device=probabilities.device)
    ordered = ordered.masked_fill(rank >= top_k, 0)
    before = ordered.cumsum(-1) - ordered
    dropped = (before >= top_p * ordered.sum(-1, keepdim=True)) & (rank > 0)
    dropped &= top_p < 1
    return torch.zeros_like(probabilities).scatter_(-1, order, ordered.masked_fill(dropped, 0))


def _column(numbers: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, device=like.device)[:, None]
