"""The decode step in recorded shapes; a recorder that computes again stands in for CUDA's."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from worker.engines.transformers.graphs import (  # noqa: E402
    StepGraphs,
    at_least,
    row_buckets,
    width_buckets,
)

pytestmark = pytest.mark.torch

SLOTS, CONTEXT, VOCABULARY = 6, 300, 10


class Tape:
    """Records a step as a CUDA graph does: fixed inputs, a fixed output, nothing else is kept."""

    def __init__(self, *, room: int = 1000) -> None:
        self.recorded = 0
        self._room = room

    def __call__(self, step: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        if self.recorded == self._room:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        self.recorded += 1
        logits = step().clone()

        def replay() -> None:
            logits.copy_(step())

        return replay, logits


class Model:
    """Adds up what stands in the first columns of a row, and notes the shapes it was run in."""

    def __init__(self) -> None:
        self.cache = torch.zeros(SLOTS, CONTEXT + 1)
        self.shapes: list[tuple[int, int]] = []

    def __call__(self, ids: Any, columns: Any, width: int) -> Any:
        rows = len(ids)
        self.shapes.append((rows, width))
        self.cache[:rows].scatter_(1, columns, ids.float())
        seen = self.cache[:rows, :width].sum(1, keepdim=True)
        return seen + torch.arange(VOCABULARY)


def step(graphs: Any, ids: list[int], columns: list[int], width: int) -> Any:
    with torch.inference_mode():
        return graphs(torch.tensor(ids)[:, None], torch.tensor(columns)[:, None], width)


def recorded(model: Model, tape: Tape) -> StepGraphs:
    graphs = StepGraphs(model, SLOTS, CONTEXT, torch.device("cpu"))
    graphs.record(tape)
    return graphs


def test_every_shape_is_recorded_once_the_largest_first() -> None:
    model, tape = Model(), Tape()

    graphs = recorded(model, tape)

    shapes = [(rows, width) for rows in (6, 4, 3, 2, 1) for width in (300, 256, 128, 64)]
    assert model.shapes == shapes
    assert len(graphs) == tape.recorded == len(shapes)


def test_a_step_gives_what_it_gives_without_graphs() -> None:
    plain, model = Model(), Model()
    graphs = recorded(model, Tape())

    for ids, columns, width in (
        ([5], [0], 1),
        ([1, 2, 3], [0, 1, 2], 64),
        ([4, 0, 6, 7, 8], [1, CONTEXT, 70, 80, 90], 128),
        ([9, 9], [250, 299], 300),
    ):
        expected = step(plain, ids, columns, at_least(width, width_buckets(CONTEXT)))
        assert torch.equal(step(graphs, ids, columns, width), expected)
    assert torch.equal(model.cache[:, :CONTEXT], plain.cache[:, :CONTEXT])


def test_recording_and_idle_rows_touch_the_scratch_column_alone() -> None:
    model = Model()
    model.cache[:, :CONTEXT] = 1

    graphs = recorded(model, Tape())
    step(graphs, [7] * 5, [CONTEXT] * 5, 64)

    assert (model.cache[:, :CONTEXT] == 1).all()


def test_what_cannot_be_recorded_runs_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    model = Model()

    with caplog.at_level(logging.WARNING):
        graphs = recorded(model, Tape(room=3))

    assert len(graphs) == 0
    assert "operation not permitted" in caplog.text
    assert torch.equal(step(graphs, [3], [0], 64), step(Model(), [3], [0], 64))


@pytest.mark.parametrize(
    ("slots", "rows"), [(1, [1]), (3, [1, 2, 3]), (8, [1, 2, 3, 4, 8]), (10, [1, 2, 3, 4, 8, 10])]
)
def test_few_numbers_of_rows_hold_every_batch(slots: int, rows: list[int]) -> None:
    assert row_buckets(slots) == rows
    assert [at_least(n, rows) >= n for n in range(1, slots + 1)] == [True] * slots


@pytest.mark.parametrize(
    ("context", "widths"),
    [
        (48, [48]),
        (64, [64]),
        (65, [64, 65]),
        (1024, [64, 128, 256, 512, 1024]),
        (300, [64, 128, 256, 300]),
    ],
)
def test_few_widths_hold_every_context(context: int, widths: list[int]) -> None:
    assert width_buckets(context) == widths
