"""The decode step as CUDA graphs, one for each number of rows, tokens a row and width of the cache.

A step is hundreds of kernels of a few microseconds each, which Python launches more slowly than
a GPU runs them; a recorded graph is launched at once. The recording itself has not run so far:
it was written without a GPU at hand. Everything around it is tested on a CPU.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor

#: ``ids`` and ``columns`` [rows, tokens], and how many columns to look at
#: -> logits [rows * tokens, vocab]. It makes everything from these, on their device, and never
#: waits for the device.
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

    ``lengths`` are the numbers of tokens a row that are recorded; others run as they are.
    ``logits`` are good until the next step. Rows that are added to reach a recorded number
    write to the scratch column, the last one.
    """

    def __init__(
        self,
        forward: Forward,
        slots: int,
        context_size: int,
        device: torch.device,
        lengths: Sequence[int] = (1,),
    ) -> None:
        self._forward = forward
        self._rows = row_buckets(slots)
        self._widths = width_buckets(context_size)
        self._scratch = context_size
        #: By tokens a row: the ids and the columns [2, slots, tokens].
        self._inputs = {
            n: torch.zeros(2, slots, n, dtype=torch.int64, device=device) for n in lengths
        }
        self._graphs: dict[tuple[int, int, int], Graph] = {}

    def __len__(self) -> int:
        """How many shapes are recorded; without any, steps run as they are."""
        return len(self._graphs)

    def record(self, record: Record) -> None:
        """Record every shape, the largest first: the others find room in its memory.

        If one cannot be recorded, none is used, and the log says why.
        """
        for inputs in self._inputs.values():
            inputs[1] = self._scratch
        shapes = sorted(product(self._rows, self._inputs, self._widths))
        # Layers that are packed when they first run take the memory of what they replace:
        # on a stream of its own that would still be the other stream's.
        with torch.inference_mode():
            self._step(*shapes[0])()
        try:
            with torch.inference_mode():
                for shape in reversed(shapes):
                    self._graphs[shape] = Graph(*record(self._step(*shape)))
        except RuntimeError as error:  # torch's out-of-memory is one, too
            log.warning("the decode step is not recorded, and runs slower: %s", error)
            self._graphs.clear()

    def __call__(self, ids: Tensor, columns: Tensor, width: int) -> Tensor:
        """See Forward."""
        rows, tokens = ids.shape
        if not self._graphs or tokens not in self._inputs:
            return self._forward(ids, columns, width)
        shape = (at_least(rows, self._rows), tokens, at_least(width, self._widths))
        inputs = self._inputs[tokens]
        inputs[0, :rows], inputs[1, :rows] = ids, columns
        if shape[0] > rows:
            inputs[1, rows : shape[0]] = self._scratch
        graph = self._graphs[shape]
        graph.replay()
        return graph.logits[: rows * tokens]

    def _step(self, rows: int, tokens: int, width: int) -> Callable[[], Tensor]:
        ids, columns = self._inputs[tokens][:, :rows].unbind()
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
    """Implements Record; all graphs share their memory, since only one runs at a time.

    They share a stream, too: for each that it is used on, cuBLAS keeps 32 MB.
    """

    def __init__(self) -> None:
        self._memory = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream()

    def __call__(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Warm up beside the current stream, as CUDA asks for, then record."""
        graph: Any = torch.cuda.CUDAGraph()
        self._stream.wait_stream(torch.cuda.current_stream())
        # A recording that fails leaves its stream the current one, but for this.
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                step()
            with torch.cuda.graph(
                graph, pool=self._memory, stream=self._stream, capture_error_mode="thread_local"
            ):
                logits = step()
        torch.cuda.current_stream().wait_stream(self._stream)
        return graph.replay, logits
