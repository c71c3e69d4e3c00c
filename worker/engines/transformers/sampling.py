"""The next token of every row at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from worker.engines.slots.choice import Choice
from worker.engines.slots.draw import Draw


def choose(logits: Tensor, draws: Sequence[Draw]) -> list[Choice]:
    """Choose a token for every row of ``logits`` [rows, vocab], with its likeliest rivals."""
    ids, logprobs = sample(logits, draws)
    tops = _tops(logits, [draw.top for draw in draws])
    return [Choice(*row) for row in zip(ids.tolist(), logprobs.tolist(), tops, strict=True)]


def sample(logits: Tensor, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
    """Choose a token for every row of ``logits`` [rows, vocab].

    Returns ids [rows] and their log-probabilities [rows], float32 and raw: before
    temperature, top_k and top_p. Rows do not influence each other.
    """
    logits = logits.float()
    rivals = _only(logits, draws)
    ids = rivals.argmax(-1)
    drawn = [row for row, draw in enumerate(draws) if draw.temperature > 0]
    if drawn:
        ids[drawn] = _inverse_cdf(rivals[drawn], [draws[row] for row in drawn])
    logprobs = logits.log_softmax(-1).gather(-1, ids[:, None])[:, 0]
    return ids, logprobs


def _only(logits: Tensor, draws: Sequence[Draw]) -> Tensor:
    """The logits, -inf where a row's draw does not allow an id."""
    if all(draw.allowed is None for draw in draws):
        return logits
    masked = logits.clone()
    for row, draw in enumerate(draws):
        if draw.allowed is not None:
            packed = torch.frombuffer(bytearray(draw.allowed), dtype=torch.uint8)
            bits = packed[:, None].bitwise_and(2 ** torch.arange(8, dtype=torch.uint8)) > 0
            count = min(bits.numel(), logits.shape[-1])
            masked[row, count:] = -torch.inf
            masked[row, :count].masked_fill_(~bits.flatten()[:count].to(logits.device), -torch.inf)
    return masked


def _tops(logits: Tensor, counts: Sequence[int]) -> list[tuple[tuple[int, float], ...]]:
    """For each row its likeliest ids and their raw log-probabilities, best first."""
    most = max(counts)
    if most == 0:
        return [()] * len(counts)
    values, ids = logits.float().log_softmax(-1).topk(most, dim=-1)
    rows = zip(ids.tolist(), values.tolist(), counts, strict=True)
    return [tuple(zip(i[:count], v[:count], strict=True)) for i, v, count in rows]


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
