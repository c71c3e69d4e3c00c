"""The next token of one row of logits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.engines.slots.choice import Choice
from worker.engines.slots.draw import Draw

#: Any colder, and 32 bits would divide by zero.
COLDEST = 1e-6
#: Weights that are added up together.
BLOCK = 256
#: Least weights, of the largest, of shortlists that are tried one after the other.
SHORTLISTS = (1e-2, 1e-4, 1e-8)


def choose(logits: NDArray[np.float32], draw: Draw) -> Choice:
    """Choose a token from ``logits`` [vocab], with its likeliest rivals."""
    return Choice(*sample(logits, draw), _top(logits, draw.top))


def sample(logits: NDArray[np.float32], draw: Draw) -> tuple[int, float]:
    """Choose a token from ``logits`` [vocab].

    Returns its id and log-probability, which is raw: before temperature, top_k and top_p.
    """
    rivals = logits if draw.allowed is None else _only(logits, draw.allowed)
    likeliest = int(rivals.argmax())
    drawn = draw.temperature > 0 and np.isfinite(rivals[likeliest])
    token_id = _inverse_cdf(rivals - rivals[likeliest], draw) if drawn else likeliest
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
    """The first token at which the cumulative probability exceeds ``u``.

    ``shifted`` are logits less their maximum, 0.
    """
    temperature = max(draw.temperature, COLDEST)
    weights = np.exp(shifted / np.float32(temperature))
    if draw.top_k == 0 and draw.top_p == 1:
        return _walk(weights, draw.u)
    likely = _shortlist(weights, draw)
    exact = np.exp(shifted[likely].astype(np.float64) / temperature)
    return int(likely[_walk(_truncate(exact, draw, weights.sum(dtype=np.float64)), draw.u)])


def _walk(weights: NDArray[Any], u: float) -> int:
    """The first place at which the cumulative weight exceeds the part ``u`` of all.

    Block by block, then within one: adding up 49,152 one by one takes as long as the rest.
    """
    whole = len(weights) - len(weights) % BLOCK
    blocks = weights[:whole].reshape(-1, BLOCK).sum(axis=1, dtype=np.float64)
    ends = np.append(blocks, weights[whole:].sum(dtype=np.float64)).cumsum()
    goal = u * ends[-1]
    block = min(int(ends.searchsorted(goal, side="right")), int(ends.searchsorted(ends[-1])))
    start = block * BLOCK
    within = weights[start : start + BLOCK].cumsum(dtype=np.float64)
    left = goal - (ends[block - 1] if block else 0.0)
    last = within.searchsorted(within[-1])  # rounding must not lead past what may be chosen
    return start + int(min(within.searchsorted(left, side="right"), last))


def _shortlist(weights: NDArray[np.float32], draw: Draw) -> NDArray[Any]:
    """The likeliest ids, all that are kept among them: sorting every id takes milliseconds."""
    mass = draw.top_p * weights.sum(dtype=np.float64)
    for least in SHORTLISTS:
        likely = np.flatnonzero(weights > least)
        if len(likely) >= draw.top_k if draw.top_k else weights[likely].sum() > mass:
            return likely
    return np.arange(len(weights))


def _truncate(weights: NDArray[np.float64], draw: Draw, mass: np.float64) -> NDArray[np.float64]:
    """Zero all but the ``top_k`` largest, and of these all past the share ``top_p``.

    Of equal ones the first are kept, and the largest always is. ``mass`` is that of all weights
    where some are missing here.
    """
    order = np.argsort(-weights, kind="stable")
    if draw.top_k > 0:
        order = order[: draw.top_k]
        mass = weights[order].sum()
    ordered = weights[order]
    if draw.top_p < 1:
        before = ordered.cumsum() - ordered
        order = order[: max(1, int((before < draw.top_p * mass).sum()))]
    kept = np.zeros_like(weights)
    kept[order] = weights[order]
    return kept
