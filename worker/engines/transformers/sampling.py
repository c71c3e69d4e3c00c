"""The next token of every row at once."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from worker.engines.slots.choice import Choice
from worker.engines.slots.draw import Draw

#: On a CPU top_k and top_p look at the likeliest ids first: sorting them all takes
#: longer than computing them.
SHORTLIST = 256


class Knobs(NamedTuple):
    """What the rows that draw ask for, a float64 column [rows, 1] each; ``rows`` are their numbers.

    ``truncated`` says whether any of them has a ``top_k`` or ``top_p``, ``fits_shortlist``
    whether no ``top_k`` is larger than the shortlist.
    """

    rows: Tensor
    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    truncated: bool
    fits_shortlist: bool


class Sampler:
    """Chooses tokens; what rows ask for goes to ``device`` only when a row is another's."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._asked: list[tuple[float, int, float]] = []
        self._knobs = self._tensors([])

    def choose(self, logits: Tensor, draws: Sequence[Draw]) -> list[Choice]:
        """A token for every row of ``logits`` [rows, vocab], with its likeliest rivals.

        Waits for the device once.
        """
        ids, logprobs = self.sample(logits, draws)
        columns = [ids[:, None].double(), logprobs[:, None].double()]
        most = max(draw.top for draw in draws)
        if most:
            values, rivals = logits.float().log_softmax(-1).topk(most, dim=-1)
            columns += [rivals.double(), values.double()]
        rows = torch.cat(columns, -1).tolist()
        return [_choice(row, most, draw.top) for row, draw in zip(rows, draws, strict=True)]

    def sample(self, logits: Tensor, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
        """Choose a token for every row of ``logits`` [rows, vocab].

        Returns ids [rows] and their log-probabilities [rows], float32 and raw: before
        temperature, top_k and top_p. Rows do not influence each other.
        """
        logits = logits.float()
        rivals = _only(logits, draws)
        ids = rivals.argmax(-1)
        knobs = self._knobs_of(draws)
        if len(knobs.rows):
            luck = [[draw.u] for draw in draws if draw.temperature > 0]
            u = torch.tensor(luck, dtype=torch.float64, device=self._device)
            drawn = rivals if len(knobs.rows) == len(rivals) else rivals[knobs.rows]
            ids = ids.index_copy(0, knobs.rows, _inverse_cdf(drawn, knobs, u))
        logprobs = logits.log_softmax(-1).gather(-1, ids[:, None])[:, 0]
        return ids, logprobs

    def _knobs_of(self, draws: Sequence[Draw]) -> Knobs:
        asked = [(draw.temperature, draw.top_k, draw.top_p) for draw in draws]
        if asked != self._asked:
            self._asked, self._knobs = asked, self._tensors(asked)
        return self._knobs

    def _tensors(self, asked: Sequence[tuple[float, int, float]]) -> Knobs:
        rows = [row for row, (temperature, _, _) in enumerate(asked) if temperature > 0]
        drawn = torch.tensor([asked[row] for row in rows], dtype=torch.float64).view(-1, 3)
        temperature, top_k, top_p = drawn.to(self._device).split(1, dim=-1)
        return Knobs(
            rows=torch.tensor(rows, dtype=torch.int64, device=self._device),
            temperature=temperature,
            top_k=top_k.masked_fill(top_k <= 0, float("inf")),
            top_p=top_p,
            fits_shortlist=all(asked[row][1] <= SHORTLIST for row in rows),
            truncated=any(asked[row][1] > 0 or asked[row][2] < 1 for row in rows),
        )


def _choice(row: list[float], most: int, top: int) -> Choice:
    rivals = zip(row[2 : 2 + top], row[2 + most : 2 + most + top], strict=True)
    return Choice(int(row[0]), row[1], tuple((int(rival), value) for rival, value in rivals))


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


def _inverse_cdf(logits: Tensor, knobs: Knobs, u: Tensor) -> Tensor:
    """The first token of each row at which the cumulative probability exceeds ``u``."""
    weights = logits.double()
    weights = (weights - weights.amax(-1, keepdim=True)).div_(knobs.temperature).exp_()
    if knobs.truncated:
        weights = _truncate(weights, knobs)
    cumulative = weights.cumsum(-1)
    ids = torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True)[:, 0]
    return ids.clamp_(max=logits.shape[-1] - 1)


def _truncate(weights: Tensor, knobs: Knobs) -> Tensor:
    """Zero all but the ``top_k`` likeliest, and of these all past the mass ``top_p``.

    Of equals the lowest id is the likeliest.
    """
    mass = weights.sum(-1, keepdim=True)
    whole = knobs.top_k.isinf() & (knobs.top_p >= 1)
    if knobs.fits_shortlist and weights.device.type == "cpu" and weights.shape[-1] > SHORTLIST:
        order = weights.topk(SHORTLIST, sorted=False).indices.sort(dim=-1).values
        likeliest = weights.gather(-1, order)
        kept = _kept(likeliest, mass, knobs)
        least = likeliest.amin(-1, keepdim=True)
        if not ((kept > 0) & (kept <= least) & ~whole).any():  # nothing outside is kept either
            return torch.where(whole, weights, torch.zeros_like(weights).scatter_(-1, order, kept))
    return torch.where(whole, weights, _kept(weights, mass, knobs))


def _kept(weights: Tensor, mass: Tensor, knobs: Knobs) -> Tensor:
    """``weights`` [rows, ids], by ascending id, with 0 for what is cut off.

    ``mass`` [rows, 1] is that of all ids, if some are missing here.
    """
    ordered, order = weights.sort(stable=True, dim=-1, descending=True)
    rank = torch.arange(weights.shape[-1], device=weights.device)
    within = ordered.masked_fill(rank >= knobs.top_k, 0)
    unlimited = knobs.top_k.isinf()
    mass = torch.where(unlimited, mass, within.sum(-1, keepdim=True))
    dropped = (within.cumsum(-1) - within >= knobs.top_p * mass) & (rank > 0)
    dropped &= knobs.top_p < 1
    return torch.zeros_like(weights).scatter_(-1, order, within.masked_fill(dropped, 0))
