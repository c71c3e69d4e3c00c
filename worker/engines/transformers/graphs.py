"""The decode step as CUDA graphs, one for each number of rows and width of the cache.

A step is hundreds of kernels of a few microseconds each, which Python launches more slowly than
a GPU runs them; a recorded graph is launched at once. The recording itself has not run so far:
it was written without a GPU at hand. Everything around it is tested on a CPU.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

#: ``ids`` and ``columns`` [rows, 1], and how many columns to look at -> logits [rows, vocab].
#: It makes everything from these, on their device, and never waits for the device.
Forward = Callable[[Tensor, Tensor, int], Tensor]

#: Runs a step once for the record; returns how to run it again, and where its logits will be.
Record = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]

_NARROWEST = 64
_WARM_UPS = 2

log = logging.getLogger(__name__)


class Graph(NamedTuple):
    """A recorded step; it reads the inputs and fills ``logits`` where they are."""

    replay: Callable[[], None]
    logits: Tensor


class StepGraphs:
    """Implements Forward over a Forward: records it in every shape that a step may have.

    ``logits`` are good until the next step. Rows that are added to reach a recorded number
    write to the scratch column, the last one.
    """

    def __init__(
        self, forward: Forward, slots: int, context_size: int, device: torch.device
    ) -> None:
        self._forward = forward
        self._rows = row_buckets(slots)
        self._widths = width_buckets(context_size)
        self._idle = torch.tensor([(0, context_size)] * slots, device=device)
        self._inputs = self._idle.clone()
        self._graphs: dict[tuple[int, int], Graph] = {}

    def __len__(self) -> int:
        """How many shapes are recorded; without any, steps run as they are."""
        return len(self._graphs)

    def record(self, record: Record) -> None:
        """Record every shape, the largest first: the others find room in its memory.

        If one cannot be recorded, none is used, and the log says why.
        """
        self._inputs.copy_(self._idle)
        shapes = [(rows, width) for rows in self._rows for width in self._widths]
        try:
            with torch.inference_mode():
                for rows, width in reversed(shapes):
                    self._graphs[rows, width] = Graph(*record(self._step(rows, width)))
        except RuntimeError as error:  # torch's out-of-memory is one, too
            log.warning("the decode step is not recorded, and runs slower: %s", error)
            self._graphs.clear()

    def __call__(self, ids: Tensor, columns: Tensor, width: int) -> Tensor:
        """See Forward."""
        if not self._graphs:
            return self._forward(ids, columns, width)
        rows = len(ids)
        shape = (at_least(rows, self._rows), at_least(width, self._widths))
        asked = torch.cat([ids, columns], dim=1)
        self._inputs[: shape[0]].copy_(torch.cat([asked, self._idle[: shape[0] - rows]]))
        graph = self._graphs[shape]
        graph.replay()
        return graph.logits[:rows]

    def _step(self, rows: int, width: int) -> Callable[[], Tensor]:
        ids, columns = self._inputs[:rows].split(1, dim=1)
        return lambda: self._forward(ids, columns, width)


def row_buckets(slots: int) -> list[int]:
    """Numbers of rows worth a graph each: all up to 4, then every fourth, and all slots."""
    return sorted({*range(1, min(slots, 4) + 1), *range(4, slots + 1, 4), slots})


def width_buckets(context_size: int) -> list[int]:
    """Widths worth a graph each: doubling from 64 to the whole context."""
    widths = [context_size]
    while widths[0] > _NARROWEST:
        widths.insert(0, 1 << (widths[0] - 1).bit_length() - 1)
    return widths


def at_least(wanted: int, buckets: list[int]) -> int:
    """The smallest of ``buckets``, in ascending order, that holds ``wanted``."""
    return next(bucket for bucket in buckets if bucket >= wanted)


class CudaRecorder:
    """Implements Record; all graphs share their memory, since only one runs at a time."""

    def __init__(self) -> None:
        self._memory = torch.cuda.graph_pool_handle()

    def __call__(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Warm up beside the current stream, as CUDA asks for, then record."""
        _warm_up(step)
        graph: Any = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory, capture_error_mode="thread_local"):
            logits = step()
        return graph.replay, logits


def _warm_up(step: Callable[[], Tensor]) -> None:
    """Libraries allocate and choose their kernels in the first runs; a graph must not see it."""
    beside, current = torch.cuda.Stream(), torch.cuda.current_stream()
    beside.wait_stream(current)
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UPS):
            step()
    current.wait_stream(beside)
