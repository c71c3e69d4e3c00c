"""The next token of one row of logits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.engines.slots.choice import Choice
from worker.engines.slots.draw import Draw


def choose(logits: NDArray[np.float32], draw: Draw) -> Choice:
    """Choose a token from ``logits`` [vocab], with its likeliest rivals."""
    return Choice(*sample(logits, draw), _top(logits, draw.top))


def sample(logits: NDArray[np.float32], draw: Draw) -> tuple[int, float]:
    """Choose a token from ``logits`` [vocab].

    Returns its id and log-probability, which is raw: before temperature, top_k and top_p.
    """
    rivals = logits if draw.allowed is None else _only(logits, draw.allowed)
    if draw.temperature > 0:
        token_id = _inverse_cdf(rivals - rivals.max(), draw)
    else:
        token_id = int(rivals.argmax())
    return token_id, float(logits[token_id] - _normalizer(logits))


def _top(logits: NDArray[np.float32], count: int) -> tuple[tuple[int, float], ...]:
    """The likeliest ids and their log-probabilities, best first."""
    if count == 0:
        return ()
    likeliest = np.argpartition(-logits, min(count, len(logits)) - 1)[:count]
    likeliest = likeliest[np.argsort(-logits[likeliest], kind="stable")]
    normalizer = _normalizer(logits)
    return tuple((int(i), float(logits[i] - normalizer)) for i in likeliest)


def _normalizer(logits: NDArray[np.float32]) -> float:
    """log(sum(exp(logits)))."""
    peak = logits.max()
    return float(peak + np.log(np.exp(logits - peak).sum(dtype=np.float64)))


def _only(logits: NDArray[np.float32], allowed: bytes) -> NDArray[np.float32]:
    """The logits, -inf where a bit of ``allowed`` is not set."""
    bits = np.unpackbits(np.frombuffer(allowed, np.uint8), bitorder="little")
    masked = np.full_like(logits, -np.inf)
    count = min(len(bits), len(logits))
    np.copyto(masked[:count], logits[:count], where=bits[:count].astype(bool))
    return masked


def _inverse_cdf(shifted: NDArray[np.float32], draw: Draw) -> int:
    """The first token at which the cumulative probability exceeds ``u``."""
    weights = np.exp(shifted.astype(np.float64) / draw.temperature)
    weights = _top_p(_top_k(weights, draw.top_k), draw.top_p)
    cumulative = weights.cumsum()
    token_id = int(cumulative.searchsorted(draw.u * cumulative[-1], side="right"))
    return min(token_id, len(weights) - 1)


def _top_k(weights: NDArray[np.float64], top_k: int) -> NDArray[np.float64]:
    """Zero all but the ``top_k`` largest; of equal ones the first are kept."""
    if not 0 < top_k < len(weights):
        return weights
    return _keep(weights, _descending(weights)[:top_k])


def _top_p(weights: NDArray[np.float64], top_p: float) -> NDArray[np.float64]:
    """Zero all but the fewest largest that hold the share ``top_p`` of the mass."""
    if top_p >= 1:
        return weights
    order = _descending(weights)
    before = weights[order].cumsum() - weights[order]
    kept = order[before < top_p * weights.sum()]
    return _keep(weights, kept if len(kept) else order[:1])


def _descending(weights: NDArray[np.float64]) -> NDArray[Any]:
    return np.argsort(-weights, kind="stable")


def _keep(weights: NDArray[np.float64], kept: NDArray[Any]) -> NDArray[np.float64]:
    result = np.zeros_like(weights)
    result[kept] = weights[kept]
    return result
